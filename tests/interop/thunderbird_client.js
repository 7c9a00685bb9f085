// What Thunderbird does for its user, run inside it: the body of a function whose last argument takes the result.
// arguments: what to do, and its values. The answer is the events of the calendar that this is about.

const done = arguments[arguments.length - 1];
const [what, values] = arguments;

const { cal } = ChromeUtils.importESModule("resource:///modules/calendar/calUtils.sys.mjs");
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");

// An account for the patient, whose calendar is the one that every profile begins with.
function setUp({ address }) {
  const account = MailServices.accounts.createAccount();
  account.incomingServer = MailServices.accounts.createIncomingServer("nora", "localhost", "none");
  const identity = MailServices.accounts.createIdentity();
  identity.email = address;
  identity.doFcc = false;
  account.addIdentity(identity);
  const own = calendarNamed("Home");
  own.setProperty("disabled", false);
  own.setProperty("imip.identity.key", identity.key);
  return own;
}

function calendarNamed(name) {
  return cal.manager.getCalendars().find(one => one.name == name);
}

// Read an invitation as the bar above a mail does, and press Accept (or Update, Remove) where it offers that.
async function receive({ calendar, method, sender, recipient }) {
  const item = Cc["@mozilla.org/calendar/itip-item;1"].createInstance(Ci.calIItipItem);
  item.init(calendar);
  const account = MailServices.accounts.accounts.find(one => one.identities.length);
  cal.itip.initItemFromMsgData(item, method, { author: sender, recipients: recipient, accountKey: account.key });
  const [result, action, found] = await new Promise(resolve => {
    cal.itip.processItipItem(item, (_item, ...rest) => resolve(rest));
  });
  if (action) {
    await new Promise((resolve, reject) => {
      const told = ({ label }) => label && resolve();
      const [answer, reply] = method == "REQUEST" ? ["ACCEPTED", "AUTO"] : ["", "NONE"];
      const window = Services.wm.getMostRecentWindow("mail:3pane");
      cal.itip.executeAction(window, answer, reply, action, item, found, told) || reject(new Error("not done"));
    });
  }
  cal.itip.cleanupItipItem(item);
  return [calendarNamed("Home"), action ? action.method : `none: ${result}`];
}

async function subscribe({ address }) {
  const feed = cal.manager.createCalendar("ics", Services.io.newURI(address));
  feed.name = "feed";
  feed.readOnly = true;
  const loaded = whenLoaded(feed);
  cal.manager.registerCalendar(feed);
  await loaded;
  return feed;
}

async function refresh() {
  const feed = calendarNamed("feed");
  const loaded = whenLoaded(feed);
  feed.refresh();
  await loaded;
  return feed;
}

function whenLoaded(calendar) {
  return new Promise((resolve, reject) => {
    calendar.addObserver({
      QueryInterface: ChromeUtils.generateQI(["calIObserver"]),
      onLoad: resolve,
      onError: (_calendar, number, words) => reject(new Error(`${number} ${words}`)),
      onStartBatch() {}, onEndBatch() {}, onAddItem() {}, onModifyItem() {}, onDeleteItem() {},
      onPropertyChanged() {}, onPropertyDeleting() {},
    });
  });
}

async function events(calendar) {
  const items = await calendar.getItemsAsArray(Ci.calICalendar.ITEM_FILTER_TYPE_EVENT, 0, null, null);
  return items.map(one => [one.id, one.startDate.nativeTime / 1e6, one.status, cal.itip.getSequence(one)]);
}

(async () => {
  const found = await { setUp, receive, subscribe, refresh }[what](values);
  const [calendar, offered] = Array.isArray(found) ? found : [found, ""];
  return { events: await events(calendar), offered };
})().then(done, trouble => done({ trouble: `${trouble} ${trouble.stack}` }));
