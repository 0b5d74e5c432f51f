// Notifications of the system, for whoever wants them and does not look at this window.

export class Notifier {
  #open;

  /** `open` is called with the conversation of a notification that was chosen. */
  constructor(open) {
    this.#open = open;
  }

  /** Whether the user can still be asked: not over plain http, nor once they have answered. */
  get mayAsk() {
    return globalThis.Notification?.permission === "default";
  }

  async ask() {
    await Notification.requestPermission();
  }

  /** Tells of what came in a conversation; a later one takes the place of an earlier one. */
  tell(conversation, title, body) {
    if (globalThis.Notification?.permission !== "granted" || isLookedAt()) return;
    let shown;
    try {
      shown = new Notification(title, { body, tag: conversation.id, renotify: true, icon: "icon.svg" });
    } catch {
      // Phones have them for service workers only.
      return;
    }
    shown.addEventListener("click", () => {
      focus();
      shown.close();
      this.#open(conversation);
    });
  }
}

const isLookedAt = () => document.visibilityState === "visible" && document.hasFocus();
