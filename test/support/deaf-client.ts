/** A process with a stock gRPC client that stops reading at its first message: `address path ms`. Prints the status it gets after so many ms. */
import { Client, credentials } from "@grpc/grpc-js";

const [address = "", path = "", ms = "0"] = process.argv.slice(2);
const client = new Client(address, credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
const bytes = (buffer: Buffer) => buffer;
const call = client.makeServerStreamRequest(path, bytes, bytes, Buffer.alloc(0));
call.on("error", () => undefined);
call.once("data", () => {
  // The whole process stands still, as one that is overloaded or stopped.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(ms));
  call.resume();
});
call.once("status", ({ code }) => {
  process.stdout.write(String(code));
  client.close();
});
