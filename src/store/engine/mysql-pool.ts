import { createPool, type Connection, type ConnectionOptions, type Pool } from "mysql2";

/** Limit for closing all connections gracefully; the rest is destroyed. */
const closeMs = 2_000;

export interface OwnedPool {
  readonly pool: Pool;
  /** Ends every connection, within a limit. Never rejects. */
  close(): Promise<void>;
}

/** Half of what the server allows: see `sessionSettings`. */
const idleMs = 10_000;

/** A pool of at most `connections` that opens them when they are needed and closes them when they are not. */
export function openPool(options: ConnectionOptions, connections: number): OwnedPool {
  // The driver closes idle connections only when it may keep fewer than there can be.
  const idle = { maxIdle: connections - 1, idleTimeout: idleMs };
  const pool = createPool({ ...options, ...idle, multipleStatements: true, connectionLimit: connections, waitForConnections: true, queueLimit: 0 });
  const all = new Set<Connection>();
  pool.on("connection", (connection) => {
    all.add(connection);
    const forget = (): void => void all.delete(connection);
    // Every failure also reaches the statement it hit; without a listener an idle connection's would end the process.
    connection.on("error", forget);
    connection.on("end", forget);
  });
  return {
    pool,
    close: () =>
      new Promise((resolve) => {
        const cut = (): void => {
          for (const connection of all) connection.destroy();
          resolve();
        };
        AbortSignal.timeout(closeMs).addEventListener("abort", cut, { once: true });
        pool.end(cut);
      }),
  };
}
