// The HTTP API, and the login that its calls carry. Tokens are never in an address.

import { KeptLogin } from "./kept-login.js";

// A token that ends sooner than this is refreshed before it is used.
const FRESH_MS = 30_000;
// Of a larger group no more are shown.
const MEMBERS_MAX = 1_000;
// What the server gives in one answer, at most.
const LIMIT_MAX = 200;

/** The server said no. `code` and `name` are of the table of codes. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.name = problem.name || "";
    this.retryAfterMs = problem.retry_after_ms || 0;
  }
}

/** The login has ended: only a password helps. */
export class SignedOut extends Error {}

export class Api {
  #kept = new KeptLogin();
  #refreshing = null;

  get signedIn() {
    return this.#kept.login !== null;
  }

  get userId() {
    return this.#kept.login?.userId;
  }

  /** `stay`: signed in though the window is closed. */
  async register(username, password, nickname, stay) {
    const body = { username, password, ...(nickname ? { nickname } : {}) };
    const answer = await call("POST", "/api/v1/auth/register", { body });
    if (answer.access_token) this.#kept.begin(loginOf(answer), stay);
    else await this.login(username, password, stay);
  }

  async login(username, password, stay) {
    this.#kept.begin(loginOf(await call("POST", "/api/v1/auth/login", { body: { username, password } })), stay);
  }

  async logout() {
    const { login } = this.#kept;
    this.forget();
    if (!login) return;
    // Without the access token, which may have ended: the login would be kept.
    const body = { refresh_token: login.refreshToken };
    await call("POST", "/api/v1/auth/logout", { body }).catch(() => {});
  }

  forget() {
    this.#kept.forget();
  }

  /** An access token that is good for a while. */
  async token() {
    if (!this.signedIn) throw new SignedOut("You are signed out.");
    if (this.#kept.login.expires - Date.now() < FRESH_MS) await this.refresh();
    return this.#kept.login.accessToken;
  }

  /** Exchanges the refresh token, once however many ask at the same time. */
  refresh() {
    this.#refreshing ??= this.#kept.inTurn(() => this.#exchange()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  me() {
    return this.#get("/api/v1/users/me");
  }

  user(id) {
    return this.#get(`/api/v1/users/${encodeURIComponent(id)}`);
  }

  /** The user with this username, or with this id; `null` when there is neither. */
  async findUser(nameOrId) {
    const found = await this.#get(`/api/v1/users?username=${encodeURIComponent(nameOrId)}`);
    if (found.users.length > 0) return found.users[0];
    return this.user(nameOrId).catch((problem) => {
      if (problem.status === 404 || problem.status === 400) return null;
      throw problem;
    });
  }

  /** How far the other of a direct conversation is. */
  async receipts(conversation) {
    return (await this.#get(`/api/v1/conversations/${encodeURIComponent(conversation)}/receipts`)).receipts;
  }

  confirm(conversation, seq) {
    return this.#authorized("POST", `/api/v1/conversations/${encodeURIComponent(conversation)}/messages/${seq}/confirm`);
  }

  /** How many have confirmed a message, and of which of the first so many members. */
  async confirmations(conversation, seq, most = MEMBERS_MAX) {
    const path = `/api/v1/conversations/${encodeURIComponent(conversation)}/messages/${seq}/confirmations`;
    return this.#pages(path, "members", most);
  }

  /** Who has received and read a message. */
  readers(conversation, seq) {
    return this.#pages(`/api/v1/conversations/${encodeURIComponent(conversation)}/messages/${seq}/readers`, "readers", MEMBERS_MAX);
  }

  setRetention(conversation, seconds) {
    return this.#authorized("PUT", `/api/v1/conversations/${encodeURIComponent(conversation)}/retention`, { seconds });
  }

  /** The pinned messages of a conversation, with what became of them. */
  pins(conversation) {
    return this.#get(`/api/v1/conversations/${encodeURIComponent(conversation)}/pins`);
  }

  /** The one message of this seq, with what became of it. */
  message(conversation, seq) {
    return this.#get(`/api/v1/conversations/${encodeURIComponent(conversation)}/messages?before=${seq + 1}&after=${seq - 1}`);
  }

  /** Some of those whose usernames or nicknames begin so. */
  async usersBeginning(prefix) {
    return (await this.#get(`/api/v1/users/search?prefix=${encodeURIComponent(prefix)}`)).users;
  }

  group(group) {
    return this.#get(`/api/v1/groups/${encodeURIComponent(group)}`);
  }

  member(group, user) {
    return this.#get(`/api/v1/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(user)}`);
  }

  createGroup(name, memberIds) {
    return this.#authorized("POST", "/api/v1/groups", { name, member_ids: memberIds });
  }

  /** The first members of a group, at most a thousand. */
  async members(group) {
    return (await this.#pages(`/api/v1/groups/${encodeURIComponent(group)}/members`, "members", MEMBERS_MAX)).members;
  }

  addMembers(group, userIds) {
    return this.#authorized("POST", `/api/v1/groups/${encodeURIComponent(group)}/members`, { user_ids: userIds });
  }

  removeMember(group, user) {
    return this.#authorized("DELETE", `/api/v1/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(user)}`);
  }

  /** `role` is `member` or `admin`. */
  setRole(group, user, role) {
    return this.#authorized("PUT", `/api/v1/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(user)}/role`, { role });
  }

  /** Makes another member the owner. */
  handOver(group, user) {
    return this.#authorized("PUT", `/api/v1/groups/${encodeURIComponent(group)}/owner`, { user_id: user });
  }

  /** Changes what the user keeps for themselves in a conversation; gives the whole of it. */
  keepForMyself(conversation, changes) {
    return this.#authorized("PATCH", `/api/v1/conversations/${encodeURIComponent(conversation)}`, changes);
  }

  leaveGroup(group) {
    return this.#authorized("DELETE", `/api/v1/groups/${encodeURIComponent(group)}/members/me`);
  }

  editGroup(group, changes) {
    return this.#authorized("PATCH", `/api/v1/groups/${encodeURIComponent(group)}`, changes);
  }

  joinByLink(group, token) {
    return this.#authorized("POST", `/api/v1/groups/${encodeURIComponent(group)}/members`, { link_token: token });
  }

  /** Joins an open group; where people are approved the answer says that this is `pending`. */
  askToJoin(group, note) {
    return this.#authorized("POST", `/api/v1/groups/${encodeURIComponent(group)}/join-requests`, { note });
  }

  async joinRequests(group) {
    return (await this.#get(`/api/v1/groups/${encodeURIComponent(group)}/join-requests?limit=100`)).requests;
  }

  approve(group, user) {
    return this.#authorized("POST", `/api/v1/groups/${encodeURIComponent(group)}/join-requests/${encodeURIComponent(user)}/approve`);
  }

  reject(group, user) {
    return this.#authorized("POST", `/api/v1/groups/${encodeURIComponent(group)}/join-requests/${encodeURIComponent(user)}/reject`);
  }

  invite(group, userIds) {
    return this.#authorized("POST", `/api/v1/groups/${encodeURIComponent(group)}/invitations`, { user_ids: userIds });
  }

  acceptInvitation(group) {
    return this.#authorized("POST", `/api/v1/invitations/${encodeURIComponent(group)}/accept`);
  }

  declineInvitation(group) {
    return this.#authorized("POST", `/api/v1/invitations/${encodeURIComponent(group)}/decline`);
  }

  /** A link that lets anybody in for so many milliseconds; its token is told this once. */
  makeLink(group, goodForMs) {
    return this.#authorized("POST", `/api/v1/groups/${encodeURIComponent(group)}/links`, { expires_in_ms: goodForMs });
  }

  async links(group) {
    return (await this.#get(`/api/v1/groups/${encodeURIComponent(group)}/links`)).links;
  }

  endLink(group, link) {
    return this.#authorized("DELETE", `/api/v1/groups/${encodeURIComponent(group)}/links/${encodeURIComponent(link)}`);
  }

  /** The first answer, with its list of this name gone on with until it ends or has so many. */
  async #pages(path, list, most) {
    const limit = Math.min(most, LIMIT_MAX);
    const answer = await this.#get(`${path}?limit=${limit}`);
    for (let next = answer.next_cursor; next && answer[list].length < most;) {
      const page = await this.#get(`${path}?limit=${limit}&cursor=${encodeURIComponent(next)}`);
      answer[list].push(...page[list]);
      next = page.next_cursor;
    }
    return answer;
  }

  #get(path) {
    return this.#authorized("GET", path);
  }

  async #authorized(method, path, body) {
    const token = await this.token();
    try {
      return await call(method, path, { body, token });
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      await this.refresh();
      return call(method, path, { body, token: this.#kept.login.accessToken });
    }
  }

  async #exchange() {
    if (!this.signedIn) throw new SignedOut("You are signed out.");
    try {
      const body = { refresh_token: this.#kept.login.refreshToken };
      this.#kept.keep(loginOf(await call("POST", "/api/v1/auth/refresh", { body })));
    } catch (problem) {
      if (problem.status !== 401 && problem.status !== 403) throw problem;
      this.forget();
      throw new SignedOut("Your login has ended. Please log in again.");
    }
  }
}

const loginOf = ({ user_id: userId, access_token: accessToken, refresh_token: refreshToken, expires_in: seconds }) =>
  ({ userId, accessToken, refreshToken, expires: Date.now() + seconds * 1000 });

async function call(method, path, { body, token } = {}) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
  });
  const text = await response.text();
  const answer = text === "" ? {} : parse(text);
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
