// The real program, with its data in a temporary folder, which can be killed and started again.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const START_TIMEOUT_MS = 20_000;

export class Server {
  #process = null;
  #log = "";

  static async start(program) {
    const server = new Server();
    server.program = program;
    server.folder = await mkdtemp(path.join(tmpdir(), "tidegate-page-"));
    [server.port, server.adminPort] = await freePorts(2);
    server.url = `http://127.0.0.1:${server.port}`;
    await server.run();
    return server;
  }

  /** Starts the program on the same data and ports, and waits until it serves. */
  async run() {
    const child = spawn(this.program, [], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: this.#settings(),
    });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (this.#log += bytes));
    this.#process = child;
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.#isReady())) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the server did not become ready:\n${this.#log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** As a service: to everybody who is connected. */
  async tellEveryone(text) {
    const words = ["token", "--user", "operations", "--scope", "messages:send"];
    const { stdout } = await promisify(execFile)(this.program, words, { cwd: this.folder, env: this.#settings() });
    const answer = await fetch(`${this.url}/api/v1/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${stdout.trim()}`, "content-type": "application/json" },
      body: JSON.stringify({ to_everyone: true, body: { system: { notice: { text } } } }),
    });
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
  }

  #settings() {
    return {
      ...process.env,
      TIDEGATE_DATA__DIR: path.join(this.folder, "data"),
      TIDEGATE_PUBLIC__LISTEN: `127.0.0.1:${this.port}`,
      TIDEGATE_ADMIN__LISTEN: `127.0.0.1:${this.adminPort}`,
      // Whoever leaves is told as gone after this.
      TIDEGATE_PRESENCE__GRACE: "1s",
    };
  }

  /** SIGKILL: nothing is told to anybody, nothing is flushed. */
  async kill() {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async stop() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** What the program wrote. */
  get log() {
    return this.#log;
  }

  async #isReady() {
    const ready = await fetch(`http://127.0.0.1:${this.adminPort}/ready`).catch(() => null);
    return ready?.ok ?? false;
  }
}

/** Ports that are free now; both are held until both are known, so that they differ. */
async function freePorts(count) {
  const listeners = await Promise.all(Array.from({ length: count }, () => new Promise((resolve, reject) => {
    const listener = net.createServer().once("error", reject);
    listener.listen(0, "127.0.0.1", () => resolve(listener));
  })));
  const ports = listeners.map((listener) => listener.address().port);
  await Promise.all(listeners.map((listener) => new Promise((resolve) => listener.close(resolve))));
  return ports;
}
