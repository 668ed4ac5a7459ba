// The people to choose from and the page's state. The addresses are those of the practice cloud.
export const BOT = "email-bot@webex.bot";
export const NAME = "Email Bot"; // as in Webex
export const SPACE = "Contact center";
export const PEOPLE = [
  { id: "requester", email: "requester@contoso.com", title: "Requester", mark: "RR", space: true },
  { id: "administrator", email: "admin@contoso.com", title: "Administrator", mark: "AA", space: true },
  { id: "mailbox", email: "support@contoso.com", title: "Mailbox user", mark: "SD", space: false },
  { id: "agent", email: "agent@contoso.com", title: "Agent", mark: "AG", space: true },
  { id: "outsider", email: "outsider@evil.example", title: "Outsider", mark: "OO", space: false },
];
export const named = (email) => PEOPLE.find((person) => person.email === email);
export const title = (email) => (email === BOT ? NAME : named(email)?.title || email);
export const mark = (email) => (email === BOT ? "B" : named(email)?.mark || email.slice(0, 2).toUpperCase());

export const state = { you: PEOPLE[0], room: "space", parent: "", cloud: "", messages: new Map(), seen: {}, causes: {}, faults: {} };

// Return whether the person sees the message in the room.
// A person has two rooms: the space, if they are in it, and the 1:1 with the bot.
export const sees = (person, room, message) =>
  !message.deleted && message.members.includes(person.email)
  && (room === "space" ? message.roomType === "group" : message.roomType === "direct" && message.members.includes(BOT));

export const unread = (person, room) => {
  const read = state.seen[`${person.id}/${room}`] || 0;
  return [...state.messages.values()].filter((each) => sees(person, room, each) && each.from === BOT && each.change > read).length;
};
