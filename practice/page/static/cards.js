// Cards, drawn only by Microsoft's adaptivecards, under a host config close to Webex's.
/* global AdaptiveCards, markdownit */
const FONT = 'Momentum, Inter, "Helvetica Neue", Helvetica, Arial, sans-serif';
const LIGHT = {
  text: ["#000000F2", "#00000099"], accent: "#0353A8", good: "#185E46", warning: "#7D4705", attention: "#AB0A15", line: "#00000033",
  bands: { default: "#FFFFFF", emphasis: "#EDEDED", accent: "#DBF0FF", good: "#CEF5EB", attention: "#FFE8EA", warning: "#FFEBC2" },
};
const DARK = {
  text: ["#FFFFFFF2", "#FFFFFFB3"], accent: "#64B4FA", good: "#3CC29A", warning: "#F2990A", attention: "#FC8B98", line: "#FFFFFF33",
  bands: { default: "#1A1A1A", emphasis: "#3B3B3B", accent: "#063A75", good: "#134231", attention: "#780D13", warning: "#57330A" },
};
// The renderer reads #AARRGGBB; CSS writes #RRGGBBAA.
const argb = (css) => (css.length === 9 ? `#${css.slice(7)}${css.slice(1, 7)}` : css);

function colours(theme, band) {
  const soft = band === "default" ? theme.text[1] : theme.text[0].replace(/F2$/, theme === LIGHT ? "B3" : "CC");
  const one = (plain, subtle = plain) => ({ default: argb(plain), subtle: argb(subtle) });
  return {
    default: one(theme.text[0], soft), dark: one(theme.text[0], soft), light: one(theme.text[0], soft), accent: one(theme.accent),
    good: one(theme.good), warning: one(theme.warning), attention: one(theme.attention),
  };
}

function hostConfig(theme) {
  const styles = Object.fromEntries(Object.entries(theme.bands).map(([band, colour]) => [band, { backgroundColor: colour, foregroundColors: colours(theme, band) }]));
  const sizes = { small: 12, default: 14, medium: 16, large: 16, extraLarge: 20 };
  const fonts = { fontSizes: sizes, fontWeights: { lighter: 400, default: 400, bolder: 600 } };
  return new AdaptiveCards.HostConfig({
    supportsInteractivity: true,
    fontFamily: FONT, ...fonts,
    fontTypes: { default: { fontFamily: FONT, ...fonts }, monospace: { fontFamily: 'Consolas, "Liberation Mono", "DejaVu Sans Mono", Menlo, monospace', ...fonts } },
    lineHeights: { small: 16, default: 20, medium: 22, large: 22, extraLarge: 26 },
    spacing: { small: 3, default: 8, medium: 18, large: 24, extraLarge: 32, padding: 10 },
    separator: { lineThickness: 1, lineColor: argb(theme.line) },
    containerStyles: styles,
    imageSizes: { small: 40, medium: 80, large: 160 },
    actions: {
      maxActions: 5, spacing: "default", buttonSpacing: 8, actionsOrientation: "horizontal", actionAlignment: "left",
      showCard: { actionMode: "inline", inlineTopMargin: 8, style: "default" },
    },
    adaptiveCard: { allowCustomStyle: true },
    factSet: { title: { weight: "bolder", wrap: true, maxWidth: 140 }, value: { wrap: true }, spacing: 10 },
    inputs: { label: { inputSpacing: "small", requiredInputs: { weight: "bolder", suffix: " *", suffixColor: "attention" }, optionalInputs: { weight: "bolder" } }, errorMessage: { color: "attention", weight: "bolder", spacing: "small" } },
  });
}

const markdown = () => { state.markdown ??= markdownit({ html: false, linkify: false, breaks: false }); return state.markdown; };
const state = {};

// Return the element of a card. `act` receives a press: {data, inputs} for a submit, {url} for a link.
export function drawn(content, theme, act) {
  AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => { result.outputHtml = markdown().render(text); result.didProcess = true; };
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = hostConfig(theme === "dark" ? DARK : LIGHT);
  card.onExecuteAction = (action) => {
    if (action instanceof AdaptiveCards.OpenUrlAction) act({ url: action.url });
    else if (action instanceof AdaptiveCards.SubmitAction) act(pressed(card, action));
  };
  card.onAnchorClicked = (_element, anchor) => { act({ url: anchor.href }); return true; };
  card.parse(content);
  return card.render();
}

// Separate data and inputs. The renderer delivers them in one object, and the cloud wants them apart.
function pressed(card, action) {
  const typed = new Set(card.getAllInputs().map((input) => input.id));
  const all = Object.entries(action.data || {}).filter(([, value]) => value !== undefined && value !== null);
  return { title: action.title, data: Object.fromEntries(all.filter(([key]) => !typed.has(key))), inputs: Object.fromEntries(all.filter(([key]) => typed.has(key))) };
}
