// What the docs add to Swagger UI.

// Returns what the viewer does when it has read the document, whose security
// scheme it names: it takes the token of the user, if there is one.
function authorizeFrom(tokenURL) {
  return async () => {
    const answer = await fetch(tokenURL, { credentials: "include" });
    if (answer.ok) ui.preauthorizeApiKey("accessToken", (await answer.json()).token);
  };
}

// A plugin that folds the error answers that an operation may give: they are
// alike, and fill several screens.
const foldErrors = () => ({
  wrapComponents: {
    response: (Response, { React, getComponent }) => (props) => {
      if (!/^[45]/.test(props.code)) return React.createElement(Response, props);
      const h = React.createElement;
      const description = h(getComponent("Markdown", true), { source: props.response.get("description") });
      const whole = h("table", { className: "responses-table" }, h("tbody", null, h(Response, props)));
      return h(
        "tr",
        { className: "response" },
        h("td", { className: "response-col_status" }, props.code),
        h("td", { className: "folded", colSpan: 2 }, h("details", null, h("summary", null, description), whole)),
      );
    },
  },
});
