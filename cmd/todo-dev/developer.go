package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"time"
)

// developerEmail is the user of Better Auth for the printed commands, since whoever runs
// the stack has no account yet.
const developerEmail = "developer@example.com"

// developer gets tokens of Better Auth for the developer's user, as a script would. It
// signs the user up if there is no such user.
type developer struct {
	issuer   string // URL.
	password string
	http     *http.Client // It keeps the session's cookie.
}

// newDeveloper returns the developer's user at an issuer. The password is derived from
// the secret, since both belong to the issuer's database.
func newDeveloper(issuer, secret string) (*developer, error) {
	cookies, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	password := sha256.Sum256([]byte("the developer's password, by " + secret))
	return &developer{
		issuer:   issuer,
		password: base64.RawURLEncoding.EncodeToString(password[:]),
		http:     &http.Client{Jar: cookies, Timeout: 15 * time.Second},
	}, nil
}

// token returns an access token.
func (d *developer) token(ctx context.Context) (string, error) {
	var answer struct{ Token string }
	status, err := d.call(ctx, http.MethodGet, "/api/auth/token", nil, &answer)
	if err == nil && status == http.StatusUnauthorized {
		if err = d.signIn(ctx); err == nil {
			status, err = d.call(ctx, http.MethodGet, "/api/auth/token", nil, &answer)
		}
	}
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the issuer answers %d", status)
	}
	if err != nil {
		return "", fmt.Errorf("a token for %s: %w", developerEmail, err)
	}
	return answer.Token, nil
}

// signIn signs the user in, or up.
func (d *developer) signIn(ctx context.Context) error {
	body := map[string]string{"email": developerEmail, "password": d.password, "name": "Developer"}
	status, err := d.call(ctx, http.MethodPost, "/api/auth/sign-in/email", body, nil)
	if err == nil && status == http.StatusUnauthorized {
		status, err = d.call(ctx, http.MethodPost, "/api/auth/sign-up/email", body, nil)
	}
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("signing in: the issuer answers %d", status)
	}
	return err
}

// call sends a request, and parses the response if it is a success.
func (d *developer) call(ctx context.Context, method, path string, body map[string]string, answer any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.issuer+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := d.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	const maxAnswer = 64 << 10
	text, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode == http.StatusOK && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	return res.StatusCode, err
}

// serveToken responds with only a token, for a shell.
func (d *developer) serveToken(w http.ResponseWriter, r *http.Request) {
	token, err := d.token(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	writeToken(w, token)
}
