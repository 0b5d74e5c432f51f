// Somebody at the page: a browser context of their own, what they do, and what must never happen meanwhile.

import assert from "node:assert/strict";

// What a browser says by itself about a server that is away.
const AWAY = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_INTERNET_DISCONNECTED|WebSocket connection to/;

export class Person {
  #problems = [];
  #serverMayBeAway = false;
  /** Complaints of the browser about what a test does on purpose. */
  #expected = [];

  static async arrive(browser, server, username, viewport = { width: 1100, height: 760 }) {
    const person = new Person();
    person.username = username;
    person.server = server;
    person.context = await browser.newContext({ viewport, locale: "en-GB" });
    await person.context.addInitScript(() => {
      globalThis.violations = [];
      addEventListener("securitypolicyviolation", (event) => {
        globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
      });
    });
    await person.newWindow();
    return person;
  }

  /** Goes on in another window; those before it stay open. */
  async newWindow() {
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(15_000);
    this.#watch();
    await this.page.goto(this.server.url);
  }

  async register(nickname) {
    await this.page.getByRole("button", { name: "Register" }).click();
    await this.page.getByLabel("Name that others see").fill(nickname);
    await this.#enter(this.#password);
    await this.online();
  }

  async logIn() {
    await this.#enter(this.#password);
    await this.online();
  }

  async logInWrongly() {
    this.expects(/status of 401/);
    await this.#enter("not the password");
    await this.page.locator("#entrance-problem", { hasText: "Wrong username or password." }).waitFor();
  }

  /** The browser may complain of this. */
  expects(complaint) {
    this.#expected.push(complaint);
  }

  /** The entrance, whoever was here before. */
  atTheEntrance() {
    return this.page.locator("#entrance-form").waitFor();
  }

  async #enter(password) {
    await this.page.locator("#username").fill(this.username);
    await this.page.locator("#password").fill(password);
    await this.page.locator("#entrance-submit").click();
  }

  get #password() {
    return `secret of ${this.username}`;
  }

  online() {
    return this.linkState("online");
  }

  linkState(state) {
    // Attached: on a phone the chat covers it.
    return this.page.locator(`#link-state[data-state=${state}]`).waitFor({ state: "attached", timeout: 45_000 });
  }

  /** Waits until an element has the focus. */
  async focused(locator) {
    await locator.and(this.page.locator(":focus")).waitFor();
  }

  async startChat(username) {
    const { page } = this;
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByLabel("Username or user id").fill(username);
    await page.getByRole("button", { name: "Chat", exact: true }).click();
    await page.locator("#open-chat").waitFor();
  }

  async startGroup(name, members) {
    const { page } = this;
    await page.getByRole("button", { name: "New group" }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
    await page.getByRole("textbox", { name: "Members" }).fill(members.join(", "));
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.locator("#chat-name", { hasText: name }).waitFor();
  }

  /** To the group that is open. */
  async addMembers(members) {
    const { page } = this;
    await this.details();
    await page.getByRole("textbox", { name: "Add or invite" }).fill(members.join(", "));
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.waitForFunction(() => document.getElementById("member-add").value === "");
    await this.closeDetails();
  }

  /** About the conversation that is open. */
  async details() {
    await this.page.locator("#details").click();
    await this.page.locator("#details-dialog").waitFor();
  }

  async closeDetails() {
    await this.page.locator("#details-dialog [data-cancel]").click();
    await this.page.locator("#details-dialog").waitFor({ state: "hidden" });
  }

  async open(title) {
    await this.line(title).click();
    await this.page.locator("#chat-name", { hasText: title }).waitFor();
  }

  line(title) {
    return this.page.locator(".line").filter({ has: this.page.locator(".line-title", { hasText: title }) });
  }

  async say(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.keyboard.press("Enter");
  }

  message(text) {
    const exactly = new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    return this.page.locator(".message").filter({ has: this.page.locator(".text", { hasText: exactly }) });
  }

  /** Reloads until something is there: lists follow what happens within a second. */
  async reloadUntil(locator) {
    do {
      await this.page.reload();
      await this.online();
    } while (!(await locator.waitFor({ timeout: 1_000 }).then(() => true, () => false)));
  }

  /** Opens the menu of a message and chooses: Reply, Edit, Pin, Unpin, Recall, or `React with …`. */
  async act(text, choice) {
    await this.message(text).getByRole("button", { name: "Actions" }).click();
    await this.page.locator("#message-dialog").getByRole("button", { name: choice, exact: true }).click();
  }

  /** Waits until a line between the messages says this. */
  told(words) {
    return this.page.locator("#messages .system", { hasText: words }).waitFor();
  }

  /** Waits until the line of the list says this about what happened last. */
  previews(title, words) {
    return this.line(title).locator(".line-preview", { hasText: words }).waitFor();
  }

  /** Waits until the message is shown. */
  sees(text) {
    return this.message(text).waitFor();
  }

  /** Waits until it is within the window. */
  async inSight(locator) {
    await locator.waitFor();
    const element = await locator.elementHandle();
    await this.page.waitForFunction((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      const room = document.getElementById("messages").getBoundingClientRect();
      return top >= room.top - 1 && bottom <= room.bottom + 1;
    }, element);
  }

  /** Looks at another window, or at this one again. */
  async looksAtThis(isLooking) {
    await this.page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isLooking ? "visible" : "hidden");
  }

  /** Waits until the open direct conversation and its line show this: online, away or offline, in words like these. */
  async seesPresence(title, state, words) {
    await this.page.locator(`#chat-avatar[data-presence=${state}]`).waitFor();
    await this.line(title).locator(`.avatar[data-presence=${state}]`).waitFor({ state: "attached" });
    await this.page.locator("#chat-presence").filter({ hasText: words }).waitFor();
  }

  /** Waits until the own message has this tick: sending, sent, delivered or read. */
  tick(text, state) {
    return this.message(text).locator(`.tick[data-state=${state}]`).waitFor();
  }

  /** Waits for the number on a line of the list; 0 is no number. */
  async unread(title, count) {
    const badge = this.line(title).locator(".badge:not(.asking)");
    if (count === 0) await badge.waitFor({ state: "detached" });
    else await badge.getByText(String(count), { exact: true }).waitFor();
  }

  texts() {
    return this.page.locator("#messages .text").allTextContents();
  }

  /** Between these two the browser may complain that the server cannot be reached. */
  serverGoesAway() {
    this.#serverMayBeAway = true;
  }

  serverIsBack() {
    this.#serverMayBeAway = false;
  }

  /** Nothing is wider than the window. */
  async fitsItsWidth() {
    const [wide, width] = await this.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= width, `${wide} pixels in a window of ${width}`);
    const outside = await this.page.evaluate(() => [...document.querySelectorAll("body *")]
      .filter((one) => one.checkVisibility() && !one.closest(".visually-hidden"))
      .map((one) => [one, one.getBoundingClientRect()])
      .filter(([, box]) => box.width > 0 && (box.left < -0.5 || box.right > innerWidth + 0.5))
      .map(([one]) => `${one.tagName}#${one.id}.${one.className}`));
    assert.deepEqual(outside, []);
  }

  async leave() {
    assert.ok(!this.page.url().includes("eyJ"), "no token in the page's address");
    const violations = (await Promise.all(this.context.pages().map((page) => page.evaluate(() => globalThis.violations)))).flat();
    await this.context.close();
    assert.deepEqual([...this.#problems, ...violations], [], `what went wrong for ${this.username}`);
  }

  #watch() {
    const { page } = this;
    page.on("pageerror", (error) => this.#problems.push(`uncaught: ${error.stack}`));
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      if (this.#serverMayBeAway && AWAY.test(message.text())) return;
      if (this.#expected.some((expected) => expected.test(message.text()))) return;
      this.#problems.push(`console: ${message.text()}`);
    });
    const checkAddress = (address) => {
      const { hostname } = new URL(address);
      if (hostname !== "127.0.0.1") this.#problems.push(`outside request: ${address}`);
      if (address.includes("eyJ")) this.#problems.push("a token in an address");
    };
    page.on("request", (request) => checkAddress(request.url()));
    page.on("websocket", (socket) => checkAddress(socket.url()));
  }
}
