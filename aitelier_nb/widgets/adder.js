// A form for new examples: a question and an answer, more turns, or a whole conversation pasted.

import { make, button } from "./page.js";
import { Panel, field, choice } from "./panel.js";
import { ratingGroup } from "./ratings.js";

const SPEAKERS = [
  ["system", "System"],
  ["user", "User"],
  ["assistant", "Assistant"],
];

class AdderView extends Panel {
  constructor(context) {
    super(context, "Add examples");
    this.rating = null;
    this.turns = make("div", { class: "ait-turns" });
    this.ratings = ratingGroup("Rating from 1 to 10", "Rate", (value) => this.rate(value));
    this.pasted = make("textarea", { class: "ait-box", rows: 5, dir: "auto" });
    const tools = make(
      "div",
      { class: "ait-tools" },
      button("Add a turn", null, () => this.addTurn()),
      button("Save the example", "Ctrl+Enter", () => this.save()),
    );
    const paste = make(
      "details",
      {},
      make("summary", {}, "Paste one or many"),
      field("Conversation, JSON lines, CSV or table", this.pasted),
      button("Add what was pasted", null, () => this.paste()),
    );
    this.body.append(
      this.turns,
      make(
        "div",
        { class: "ait-scale" },
        make("span", { class: "ait-prompt" }, "Rating, if you like"),
        this.ratings.node,
      ),
      tools,
      paste,
    );
    this.clear();
  }

  typing() {
    return { "Ctrl+Enter": (event) => (event.target === this.pasted ? this.paste() : this.save()) };
  }

  welcome(message) {
    this.settings = message.settings;
    this.ratings.draw(this.rating, message.settings.threshold);
  }

  clear() {
    this.turns.replaceChildren();
    this.addTurn("user");
    this.addTurn("assistant");
    this.rate(null);
  }

  rate(value) {
    this.rating = this.rating === value ? null : value;
    this.ratings.draw(this.rating, this.settings?.threshold);
  }

  addTurn(role) {
    const next =
      role ?? (this.turns.lastElementChild?.querySelector("select").value === "user" ? "assistant" : "user");
    const who = choice(SPEAKERS, () => this.name(row));
    who.value = next;
    who.setAttribute("aria-label", "Role");
    const text = make("textarea", { class: "ait-box", rows: 3, dir: "auto" });
    const row = make(
      "div",
      { class: "ait-turn" },
      make(
        "div",
        { class: "ait-tools" },
        who,
        button("Remove", null, () => row.remove()),
      ),
      text,
    );
    this.name(row);
    this.turns.append(row);
  }

  name(row) {
    const role = row.querySelector("select").value;
    row
      .querySelector("textarea")
      .setAttribute("aria-label", SPEAKERS.find(([value]) => value === role)[1] + " text");
  }

  async save() {
    const messages = [...this.turns.children].map((row) => ({
      role: row.querySelector("select").value,
      content: row.querySelector("textarea").value,
    }));
    const answer = await this.ask({ kind: "add", messages, rating: this.rating });
    if (!answer) return;
    this.tell(answer.told);
    this.clear();
    this.turns.querySelector("textarea").focus();
  }

  async paste() {
    const answer = await this.ask({ kind: "paste", text: this.pasted.value });
    if (!answer) return;
    this.tell(answer.told);
    this.pasted.value = "";
  }
}

export default {
  render(context) {
    const view = new AdderView(context);
    return () => view.dispose();
  },
};
