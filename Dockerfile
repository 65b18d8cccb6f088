FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production

# The optional packages are Node itself, which this image has.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional && npm cache clean --force

COPY . .

# For the default store, sqlite:./.muster/muster.db.
RUN install --directory --owner=node .muster
USER node

EXPOSE 7430
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7430/healthz/live').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bin/muster.js", "serve"]
