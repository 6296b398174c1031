package main

import "strings"

// webBanner is what is printed when the page and everything behind it run:
// where to go, where everything is, and how to get a token without the page.
type webBanner struct {
	places
	style

	page    string // URL.
	cookies string // File for curl's cookies.
}

// String returns the banner's text.
func (b *webBanner) String() string {
	var text strings.Builder
	text.WriteString("\n" + b.bold("Open "+b.page+" and sign up.") + "\n")
	text.WriteString(b.lines())
	text.WriteString(b.section("By curl", ": sign up once, sign in later, and get a token, which is good for minutes",
		b.post("sign-up", `{"name": "Carol", "email": "carol@example.com", "password": "correct horse"}`),
		b.post("sign-in", `{"email": "carol@example.com", "password": "correct horse"}`),
		"TOKEN=$(curl -sS -b "+quote(b.cookies)+" "+b.issuer+"/api/auth/token | cut -d'\"' -f4)",
		`curl -sS -w '\n' `+b.service+`/api/todos -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"title": "Buy milk"}'`,
		`curl -sS -w '\n' `+b.service+`/api/todos -H "Authorization: Bearer $TOKEN"`,
	))
	text.WriteString("\n" + bannerEnd + "\n\n")
	return text.String()
}

// post returns a request of curl's to Better Auth, whose session it keeps.
func (b *webBanner) post(action, body string) string {
	return `curl -sS -w '\n' -c ` + quote(b.cookies) + " " + b.issuer + "/api/auth/" + action +
		"/email -H 'Content-Type: application/json' -d " + quote(body)
}
