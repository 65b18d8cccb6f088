/** The smallest OpenAPI document that says something. */
export const openApi = JSON.stringify({ openapi: "3.1.0", info: { title: "Search", version: "1" }, paths: { "/search": { get: {} } } });
