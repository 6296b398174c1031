package main

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"example.com/todo-backend/internal/auth/authtest"
)

// docsPath is where the service's description is shown.
const docsPath = "/docs/"

// newDocs shows the service's OpenAPI document in Swagger UI, at [docsPath] of
// a server whose origin service and issuer let in. Its calls carry a token of
// the user's, whom the built-in issuer has to be told, or of whoever is signed
// in at Better Auth.
func newDocs(service, issuer, user string) http.Handler {
	tokenURL := issuer + authtest.TokenPath
	if user != "" {
		tokenURL += "?user=" + user
	}
	viewer := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       "Todo API",
		SwaggerJSON: service + "/openapi.yaml",
		BasePath:    docsPath,
		SettingsUI: map[string]string{
			"defaultModelsExpandDepth": "1", // The schemas, below the operations.
			"onComplete":               strings.ReplaceAll(authorize, "TOKEN_URL", strconv.Quote(tokenURL)),
		},
	})
	policy := strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' 'unsafe-inline'", // The viewer's page starts itself,
		"style-src 'self' 'unsafe-inline'",  // and its elements have styles.
		"img-src 'self' data:",
		"connect-src " + service + " " + issuer,
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

// authorize is run by the viewer when it has read the document, whose security
// scheme it names.
const authorize = `async () => {
  const answer = await fetch(TOKEN_URL, { credentials: "include" });
  if (answer.ok) ui.preauthorizeApiKey("accessToken", (await answer.json()).token);
}`
