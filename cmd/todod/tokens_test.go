package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/auth/authtest"
)

// hostileIssuer is an issuer that publishes, beside its own key, one for each
// algorithm that this service must not accept.
type hostileIssuer struct {
	*authtest.Issuer
	signers map[string]func(signed []byte) []byte // By the name of the algorithm, which is the key's ID.
}

func newHostileIssuer(t *testing.T) *hostileIssuer {
	t.Helper()
	rsaKey, err := issuerKey()
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecPoint, err := ecKey.PublicKey.Bytes() // 4, X, Y.
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = issuerKey })

	served := httptest.NewRecorder()
	issuer.ServeHTTP(served, httptest.NewRequest(http.MethodGet, authtest.KeySetPath, nil))
	set := strings.TrimSuffix(strings.TrimSpace(served.Body.String()), "]}")
	for _, alg := range []string{"RS384", "RS512", "PS256"} {
		set += fmt.Sprintf(`,{"kty":"RSA","kid":%q,"alg":%q,"n":%q,"e":%q}`, alg, alg,
			encoded(rsaKey.N.Bytes()), encoded(big.NewInt(int64(rsaKey.E)).Bytes()))
	}
	set += fmt.Sprintf(`,{"kty":"EC","crv":"P-256","kid":"ES256","alg":"ES256","x":%q,"y":%q}`,
		encoded(ecPoint[1:33]), encoded(ecPoint[33:]))
	set += fmt.Sprintf(`,{"kty":"OKP","crv":"Ed25519","kid":"EdDSA","alg":"EdDSA","x":%q}`, encoded(edPublic))
	issuer.ServeBody("application/json", set+"]}")

	return &hostileIssuer{Issuer: issuer, signers: map[string]func([]byte) []byte{
		"RS384": signWith(rsaKey, crypto.SHA384, crypto.SHA384),
		"RS512": signWith(rsaKey, crypto.SHA512, crypto.SHA512),
		"PS256": signWith(rsaKey, crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}),
		"ES256": func(signed []byte) []byte {
			digest := sha256.Sum256(signed)
			r, s, err := ecdsa.Sign(rand.Reader, ecKey, digest[:])
			if err != nil {
				panic(err)
			}
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		},
		"EdDSA": func(signed []byte) []byte { return ed25519.Sign(edKey, signed) },
	}}
}

func signWith(key crypto.Signer, hash crypto.Hash, opts crypto.SignerOpts) func([]byte) []byte {
	return func(signed []byte) []byte {
		digest := hash.New()
		digest.Write(signed)
		signature, err := key.Sign(rand.Reader, digest.Sum(nil), opts)
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// token returns the token of a header and the claims of a user, signed by sign.
func (i *hostileIssuer) token(header string, sign func([]byte) []byte) string {
	claims, err := json.Marshal(i.Claims("mallory"))
	if err != nil {
		panic(err)
	}
	signed := encoded([]byte(header)) + "." + encoded(claims)
	return signed + "." + encoded(sign([]byte(signed)))
}

// hostileTokens returns tokens that must be refused, by what is wrong with
// them. All but those whose signature is the point are signed by the issuer's
// own key, so that nothing else is wrong. stranger is a URL that is not to be
// asked.
func (i *hostileIssuer) hostileTokens(stranger string) map[string]string {
	tokens := make(map[string]string)
	claims := i.Claims("mallory")
	for name, header := range map[string]string{
		"alg none":             `{"alg":"none","kid":"KID"}`,
		"alg None":             `{"alg":"None","kid":"KID"}`,
		"alg nOnE":             `{"alg":"nOnE","kid":"KID"}`,
		"alg NONE":             `{"alg":"NONE","kid":"KID"}`,
		"alg missing":          `{"kid":"KID"}`,
		"alg null":             `{"alg":null,"kid":"KID"}`,
		"alg an array":         `{"alg":["RS256"],"kid":"KID"}`,
		"alg other than key's": `{"alg":"RS512","kid":"KID"}`,
		"jku":                  `{"alg":"RS256","kid":"KID","jku":"STRANGER"}`,
		"x5u":                  `{"alg":"RS256","kid":"KID","x5u":"STRANGER"}`,
		"jku and unknown kid":  `{"alg":"RS256","kid":"stranger","jku":"STRANGER"}`,
		"jwk":                  `{"alg":"RS256","kid":"KID","jwk":{"kty":"oct","k":"eA"}}`,
		"x5c":                  `{"alg":"RS256","kid":"KID","x5c":["eA=="]}`,
		"crit":                 `{"alg":"RS256","kid":"KID","crit":["exp"]}`,
		"crit empty":           `{"alg":"RS256","kid":"KID","crit":[]}`,
		"kid missing":          `{"alg":"RS256"}`,
		"kid a number":         `{"alg":"RS256","kid":1}`,
		"kid huge":             `{"alg":"RS256","kid":"` + strings.Repeat("k", 4000) + `"}`,
	} {
		header = strings.NewReplacer("KID", i.KeyID(), "STRANGER", stranger).Replace(header)
		tokens[name] = i.Sign([]byte(header), claims)
	}
	for alg, sign := range i.signers {
		tokens[alg+" by a key of the set"] = i.token(fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, alg), sign)
		tokens[alg+" by a key of the set, naming ours"] = i.token(fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, i.KeyID()), sign)
		tokens[alg+" said to be RS256, naming ours"] = i.token(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, i.KeyID()), sign)
	}
	tokens["HS256 with the public key"] = i.token(fmt.Sprintf(`{"alg":"HS256","kid":%q}`, i.KeyID()), func(signed []byte) []byte {
		mac := hmac.New(sha256.New, i.PublicKey().N.Bytes())
		mac.Write(signed)
		return mac.Sum(nil)
	})

	good := i.Token("mallory")
	parts := strings.Split(good, ".")
	tokens["2 parts"] = parts[0] + "." + parts[1]
	tokens["4 parts"] = good + "."
	tokens["5 parts"] = good + "." + parts[1] + "." + parts[2]
	tokens["a JWE"] = encoded([]byte(`{"alg":"dir","enc":"A128GCM","kid":"`+i.KeyID()+`"}`)) + ".." + encoded([]byte("iv")) + "." + parts[1] + "." + encoded([]byte("tag"))
	tokens["padding"] = good + "=="
	tokens["JWS as JSON"] = fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2])
	tokens["over 8 KiB"] = i.Token("mallory", authtest.With("pad", strings.Repeat("x", 8<<10)))
	tokens["another payload"] = parts[0] + "." + encoded([]byte(`{"sub":"anna"}`)) + "." + parts[2]

	soon := time.Now().Add(5 * time.Minute).Unix()
	for name, edit := range map[string]authtest.Edit{
		"iss a prefix":      authtest.With("iss", i.Origin()[:len(i.Origin())-1]),
		"iss and a suffix":  authtest.With("iss", i.Origin()+"0"),
		"iss with a slash":  authtest.With("iss", i.Origin()+"/"),
		"iss in upper case": authtest.With("iss", strings.ToUpper(i.Origin())),
		"iss missing":       authtest.Without("iss"),
		"iss null":          authtest.With("iss", nil),
		"iss an array":      authtest.With("iss", []string{i.Origin()}),
		"aud a prefix":      authtest.With("aud", i.Origin()[:len(i.Origin())-1]),
		"aud and a suffix":  authtest.With("aud", i.Origin()+"0"),
		"aud with a slash":  authtest.With("aud", i.Origin()+"/"),
		"aud in upper case": authtest.With("aud", strings.ToUpper(i.Origin())),
		"aud missing":       authtest.Without("aud"),
		"aud null":          authtest.With("aud", nil),
		"aud a number":      authtest.With("aud", 1),
		"exp past":          authtest.With("exp", time.Now().Add(-time.Minute).Unix()),
		"exp missing":       authtest.Without("exp"),
		"exp 0":             authtest.With("exp", 0),
		"exp negative":      authtest.With("exp", -1),
		"exp a string":      authtest.With("exp", fmt.Sprint(soon)),
		"exp 1e30":          authtest.With("exp", json.RawMessage("1e30")),
		"nbf to come":       authtest.With("nbf", soon),
		"nbf 1e30":          authtest.With("nbf", json.RawMessage("1e30")),
		"iat to come":       authtest.With("iat", soon),
		"iat a string":      authtest.With("iat", "0"),
		"sub missing":       authtest.Without("sub"),
		"sub empty":         authtest.With("sub", ""),
		"sub blank":         authtest.With("sub", " \t\u00a0"),
		"sub a number":      authtest.With("sub", 7),
		"sub of 256":        authtest.With("sub", strings.Repeat("s", 256)),
		"sub with NUL":      authtest.With("sub", "anna\x00"),
	} {
		tokens[name] = i.Token("mallory", edit)
	}
	return tokens
}

// countConnections listens at an address where everybody is counted and sent
// away.
func countConnections(t *testing.T) (addr string, count *atomic.Int64) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	count = new(atomic.Int64)
	addr = server.Listener.Addr().String()
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := server.Listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = server.Listener.Close()
		served.Wait()
	})
	return addr, count
}

// TestARefusedTokenCostsNoFetchAndNoDatabaseCall sends every hostile token in
// every way, to a service whose database and whose strangers count who comes.
func TestARefusedTokenCostsNoFetchAndNoDatabaseCall(t *testing.T) {
	t.Parallel()
	issuer := newHostileIssuer(t)
	database, calls := countConnections(t)
	stranger, visits := countConnections(t)
	s := start(t, map[string]string{
		"BETTER_AUTH_URL": issuer.Origin(),
		"DATABASE_URL":    "postgres://u:p@" + database + "/todo?sslmode=disable",
	})
	s.logs.wait(t, func(line logLine) bool { return line["msg"] == "the issuer's keys are fetched" }, s.done)
	tokens := issuer.hostileTokens("http://" + stranger + "/jwks")
	eachWay(t, func(t *testing.T, way string) {
		client, ear := s.client(t, way, "")
		for name, token := range tokens {
			ear.token = token
			_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
			checkCode(t, name, err, connect.CodeUnauthenticated)
		}
		good := issuer.Token("mallory")
		for name, edit := range map[string]func(*http.Request){
			"in a query": func(req *http.Request) {
				req.Header.Del("Authorization")
				req.URL.RawQuery = url.Values{"access_token": {good}}.Encode()
			},
			"in a cookie": func(req *http.Request) {
				req.Header.Del("Authorization")
				req.AddCookie(&http.Cookie{Name: "access_token", Value: good})
			},
			"in two headers": func(req *http.Request) { req.Header.Add("Authorization", "Bearer "+good) },
			"in two schemes": func(req *http.Request) { req.Header.Add("Authorization", "Basic eA==") },
			"in a proxy's header": func(req *http.Request) {
				req.Header.Del("Authorization")
				req.Header.Set("Proxy-Authorization", "Bearer "+good)
			},
		} {
			ear.token, ear.edit = good, edit
			_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
			checkCode(t, "a token "+name, err, connect.CodeUnauthenticated)
		}
	})
	if got := issuer.Fetches(); got != 1+1 { // The service's first, and the one of newHostileIssuer.
		t.Errorf("the key set was fetched %d times", got)
	}
	if got := visits.Load(); got != 0 {
		t.Errorf("%d connections were made to an address in a token", got)
	}
	if got := calls.Load(); got != 0 {
		t.Errorf("%d connections were made to the database", got)
	}

	// That the counters count: a good token gets as far as the database.
	client, _ := s.client(t, "REST", issuer.Token("mallory"))
	_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
	checkCode(t, "a good token", err, connect.CodeUnavailable)
	if calls.Load() == 0 {
		t.Error("a good token made no connection to the database")
	}
}

// TestATokenLargerThanAllHeadersMayBeIsRefused has the service refuse it, or net/http
// where that is beyond what it would let the service see.
func TestATokenLargerThanAllHeadersMayBeIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for size, want := range map[int]string{16 << 10: `{"code":"resource_exhausted"`, 80 << 10: "431 "} {
		res := s.do(t, "GET", "/api/todos", "", "Authorization", "Bearer "+strings.Repeat("x", size))
		if res.status != http.StatusRequestHeaderFieldsTooLarge || !strings.HasPrefix(res.body, want) {
			t.Errorf("%d bytes: %d %s", size, res.status, res.body)
		}
	}
}

// TestAKeyIDIsNothingButANameToLookUp sends key IDs that would do harm in a
// path, a statement, a terminal or a log.
func TestAKeyIDIsNothingButANameToLookUp(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	keyIDs := []string{
		"../../../../etc/passwd", "/dev/null", `C:\keys`, "http://127.0.0.1/key", "' OR 1=1; DROP TABLE todo; --", "$(id)", "`id`", "%s%n",
		"a\nb", "\x1b[31m", "\u202e", strings.Repeat("k", 128), strings.Repeat("😀", 32), strings.Repeat("k", 5000),
	}
	eachWay(t, func(t *testing.T, way string) {
		client, ear := s.client(t, way, "")
		for _, keyID := range keyIDs {
			ear.token = s.issuer.Sign(map[string]any{"alg": "RS256", "kid": keyID}, s.issuer.Claims("mallory"))
			_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
			checkCode(t, fmt.Sprintf("key ID %.20q", keyID), err, connect.CodeUnauthenticated)
		}
	})
	if got := s.issuer.Fetches(); got > 1+2 {
		t.Errorf("the key set was fetched %d times", got)
	}
	logged := 0
	for text := range strings.Lines(s.logged(t)) {
		var line logLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("a log line that is no JSON object: %q", text)
		}
		if keyID, ok := line["key_id"].(string); ok {
			logged++
			if n := utf8.RuneCountInString(keyID); n > 64 {
				t.Errorf("a log line shows %d characters of a key ID", n)
			}
		}
	}
	if want := len(ways()) * len(keyIDs); logged != want {
		t.Errorf("%d log lines with a key ID, want %d", logged, want)
	}
}

// TestARotationUnderLoadCostsOneFetch has 100 calls come at once, over all
// ways, with tokens of a key that the service has never seen.
func TestARotationUnderLoadCostsOneFetch(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	first, _ := s.client(t, "REST", s.issuer.Token("u"))
	if _, err := first.ListTodos(t.Context(), &todov1.ListTodosRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := s.issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	before, token := s.issuer.Fetches(), s.issuer.Token("u")
	var callers sync.WaitGroup
	for i := range 100 {
		client, _ := s.client(t, ways()[i%len(ways())], token, patiently())
		callers.Go(func() {
			if _, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{}); err != nil {
				t.Errorf("a call with a new key: %v", err)
			}
		})
	}
	callers.Wait()
	if got := s.issuer.Fetches() - before; got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

// TestTheServiceWaitsForItsIssuer starts while the issuer fails. Once it is
// well, calls are served, without anybody's doing.
func TestTheServiceWaitsForItsIssuer(t *testing.T) {
	t.Parallel()
	issuer := authtest.Start(t, func(cfg *authtest.Config) { cfg.NewKey = issuerKey })
	issuer.Fail(http.StatusBadGateway)
	s := start(t, map[string]string{"BETTER_AUTH_URL": issuer.Origin()})
	token := issuer.Token("u")
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, token)
		_, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		checkUnavailable(t, err)
		if !strings.Contains(strings.ToLower(string(heard.heard)), "retry-after: 1") {
			t.Errorf("no Retry-After in %s", heard.heard)
		}
	})
	issuer.Heal()
	s.logs.wait(t, func(line logLine) bool {
		msg, _ := line["msg"].(string)
		return strings.HasPrefix(msg, "the issuer's keys are fetched")
	}, s.done)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, token)
		if _, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{}); err != nil {
			t.Error(err)
		}
	})
}
