package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// docsPath is the path at which the API's description is shown.
const docsPath = "/docs/"

var (
	//go:embed docs.css
	docsStyle string

	//go:embed docs.js
	docsScript string
)

// docs shows the service's OpenAPI document in Swagger UI, at [docsPath]. Service and
// issuer must allow the origin of the server.
type docs struct {
	service string        // URL.
	issuer  string        // URL.
	token   string        // URL at which the issuer returns the user's token, as JSON.
	note    template.HTML // Says whose token that is, and how to get one.
}

// handler returns the handler that serves the docs.
func (d *docs) handler() http.Handler {
	viewer := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       "Todo API",
		SwaggerJSON: d.service + "/openapi.yaml",
		BasePath:    docsPath,
		SettingsUI: map[string]string{
			"defaultModelsExpandDepth": "1", // The schemas, below the operations.
			"onComplete":               "authorizeFrom(" + strconv.Quote(d.token) + ")",
			"plugins":                  "[SwaggerUIBundle.plugins.DownloadUrl, foldErrors]",
		},
		AppendHead:  template.HTML("<style>\n" + docsStyle + "</style>\n<script>\n" + docsScript + "</script>"), //nolint:gosec // G203: they are ours.
		PrependHTML: `<aside class="note"><p>` + d.note + "</p></aside>",
	})
	policy := strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' 'unsafe-inline'", // The viewer's page starts itself,
		"style-src 'self' 'unsafe-inline'",  // and its elements have styles.
		"img-src 'self' data:",
		"connect-src " + d.service + " " + d.issuer,
		"form-action 'none'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-cache")
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		viewer.ServeHTTP(w, r)
	})
}

// exportToken returns the command that gets a token from a URL into a shell.
func exportToken(url string) string { return "export TOKEN=$(curl -sS " + quote(address(url)) + ")" }

// localNote says whose token calls use with the built-in issuer, and how to use
// another user's.
func localNote(tokenURL string) template.HTML {
	return template.HTML(fmt.Sprintf( //nolint:gosec // G203: what is put in is escaped.
		`Calls from this page are made as <b>%s</b>. In a shell, <code>%s</code> gets the same token. `+
			`To be somebody else, paste the output of <code>curl %s</code> into “Authorize”.`,
		ownUser, template.HTMLEscapeString(exportToken(tokenURL)), template.HTMLEscapeString(quote(address(tokenURL+"?user=bob"))),
	))
}

// webNote is localNote for tokens of Better Auth.
func webNote(pageURL, tokenURL string) template.HTML {
	page := template.HTMLEscapeString(pageURL)
	return template.HTML(fmt.Sprintf( //nolint:gosec // G203: what is put in is escaped.
		`Calls from this page are made as the user who is signed in at <a href="%s">%s</a>: sign in there, then reload this page. `+
			`In a shell, <code>%s</code> gets a token of %s.`,
		page, page, template.HTMLEscapeString(exportToken(tokenURL)), developerEmail,
	))
}
