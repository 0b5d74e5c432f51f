// Logging in and registering.

import { byId, setText } from "./dom.js";
import { KeptLogin } from "./kept-login.js";

const LOG_IN = {
  lead: "Log in to chat.",
  submit: "Log in",
  otherLead: "No account yet?",
  other: "Register",
  password: "current-password",
};
const REGISTER = {
  lead: "Choose a name and a password.",
  submit: "Register",
  otherLead: "Have an account?",
  other: "Log in",
  password: "new-password",
};

export class Entrance {
  #api;
  #entered;
  #mode = LOG_IN;

  /** `link` is the link to a group with which the page was opened, if it was. */
  constructor(api, entered, link) {
    this.#api = api;
    this.#entered = entered;
    byId("entrance-link").hidden = !link;
    byId("stay-row").hidden = !KeptLogin.mayStay;
    if (link) setText(byId("entrance-link"), `You have a link to ${link.name ? `“${link.name}”` : "a group"}. Log in or register to join.`);
    byId("entrance-other").addEventListener("click", () => this.#show(this.#mode === LOG_IN ? REGISTER : LOG_IN));
    byId("entrance-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** Shows the form, perhaps with the reason why one must log in again. */
  open(problem = "") {
    byId("entrance").hidden = false;
    this.#show(LOG_IN);
    setText(byId("entrance-problem"), problem);
    byId("username").focus();
  }

  #show(mode) {
    this.#mode = mode;
    setText(byId("entrance-lead"), mode.lead);
    setText(byId("entrance-submit"), mode.submit);
    setText(byId("entrance-other-lead"), mode.otherLead);
    setText(byId("entrance-other"), mode.other);
    setText(byId("entrance-problem"), "");
    byId("nickname-row").hidden = mode !== REGISTER;
    byId("password").autocomplete = mode.password;
  }

  async #submit() {
    const [username, password, nickname] = ["username", "password", "nickname"].map((id) => byId(id).value);
    const stay = byId("stay").checked;
    const submit = byId("entrance-submit");
    submit.disabled = true;
    setText(byId("entrance-problem"), "");
    try {
      if (this.#mode === REGISTER) await this.#api.register(username.trim(), password, nickname.trim(), stay);
      else await this.#api.login(username.trim(), password, stay);
    } catch (problem) {
      setText(byId("entrance-problem"), this.#words(problem));
      return;
    } finally {
      submit.disabled = false;
    }
    byId("entrance-form").reset();
    byId("entrance").hidden = true;
    this.#entered();
  }

  #words(problem) {
    if (problem.name === "CONFLICT") return "This username is taken.";
    if (problem.name === "BAD_CREDENTIALS") return "Wrong username or password.";
    if (problem.status === 429) return "Too many tries. Please wait a little.";
    return problem.status ? problem.message : "The server cannot be reached. Please try again.";
  }
}
