// Where the tests of the page play: the real program, a real browser, and people who just registered.
//
// Run by `TIDEGATE_BIN=…/tidegate CHROMIUM=…/chromium node --test`; `PICTURES` names a folder for pictures of what tests saw.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before } from "node:test";

import { chromium } from "playwright-core";

import { Person } from "./person.js";
import { Server } from "./server.js";

const PROGRAM = process.env.TIDEGATE_BIN;
const BROWSER = process.env.CHROMIUM || "/usr/bin/chromium";
const PICTURES = process.env.PICTURES;

/** Options of a group of tests that play here. */
export const WITH_PROGRAM = { skip: PROGRAM ? false : "TIDEGATE_BIN is not set: build the program and name it there", timeout: 240_000 };
/** The narrowest phones in wide use. */
export const PHONE = { width: 360, height: 740 };

export class Stage {
  /** Set up before the tests of the group that this is made in, and taken down after them. */
  constructor() {
    before(async () => {
      this.server = await Server.start(path.resolve(PROGRAM));
      this.browser = await chromium.launch({
        executablePath: BROWSER,
        args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync"],
      });
    });
    after(async () => {
      await this.browser?.close();
      await this.server?.stop();
    });
  }

  arrive(username, viewport) {
    return Person.arrive(this.browser, this.server, username, viewport);
  }

  /** People who just registered, by names that nobody has yet: `prefix-alice` is called Alice. */
  async people(prefix, names, viewport) {
    const people = await Promise.all(names.map((name) => this.arrive(`${prefix}-${name.toLowerCase()}`, viewport)));
    await Promise.all(people.map((person, i) => person.register(names[i])));
    return people;
  }

  pair(prefix, viewport) {
    return this.people(prefix, ["Alice", "Bob"], viewport);
  }

  async picture(person, name) {
    if (!PICTURES) return;
    await mkdir(PICTURES, { recursive: true });
    await person.page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
  }
}

/** Everybody goes, and nothing may have gone wrong meanwhile. */
export const leave = (...people) => Promise.all(people.map((person) => person.leave()));
