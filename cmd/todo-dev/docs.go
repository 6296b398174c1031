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

// docsPath is where the service's description is shown.
const docsPath = "/docs/"

var (
	//go:embed docs.css
	docsStyle string

	//go:embed docs.js
	docsScript string
)

// docs shows the service's OpenAPI document in Swagger UI, at [docsPath] of a
// server whose origin service and issuer let in.
type docs struct {
	service string        // URL.
	issuer  string        // URL.
	token   string        // URL where the issuer answers with the user's token, as JSON.
	note    template.HTML // Whose token that is, and how to get one.
}

// handler returns what serves the docs.
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

// localNote says whose token calls have where the built-in issuer gives it, and
// how to be somebody else.
func localNote(tokenURL string) template.HTML {
	return template.HTML(fmt.Sprintf( //nolint:gosec // G203: what is put in is escaped.
		`What you try out here is called as <b>%s</b>. In a shell, <code>%s</code> gets the same token. `+
			`To be somebody else, put the answer of <code>curl %s</code> into “Authorize”.`,
		ownUser, template.HTMLEscapeString(exportToken(tokenURL)), template.HTMLEscapeString(quote(address(tokenURL+"?user=bob"))),
	))
}

// webNote says the same where Better Auth gives tokens.
func webNote(pageURL, tokenURL string) template.HTML {
	page := template.HTMLEscapeString(pageURL)
	return template.HTML(fmt.Sprintf( //nolint:gosec // G203: what is put in is escaped.
		`What you try out here is called as who is signed in at <a href="%s">%s</a>: sign in there, then load this page again. `+
			`In a shell, <code>%s</code> gets a token of %s.`,
		page, page, template.HTMLEscapeString(exportToken(tokenURL)), developerEmail,
	))
}
