package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The right-hand sides are what browsers make of the left: new URL(text).origin.
func TestOriginsAreReadAsBrowsersWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://a.example":                "https://a.example",
		"https://a.example/":               "https://a.example",
		" HTTPS://A.Example:443 ":          "https://a.example",
		"https://a.example:0443":           "https://a.example",
		"https://a.example:":               "https://a.example",
		"http://a.example:443":             "http://a.example:443",
		"http://localhost:80":              "http://localhost",
		"http://localhost:05173":           "http://localhost:5173",
		"http://my_host-:3000":             "http://my_host-:3000",
		"https://bücher.example":           "https://xn--bcher-kva.example",
		"https://BÜCHER.example":           "https://xn--bcher-kva.example",
		"https://xn--bcher-kva.Example":    "https://xn--bcher-kva.example",
		"https://straße.example":           "https://xn--strae-oqa.example",
		"https://例え。テスト":                   "https://xn--r8jz45g.xn--zckzah",
		"https://ａ.example":                "https://a.example",
		"https://ab--c.example":            "https://ab--c.example",
		"https://a.example.":               "https://a.example.", // Another origin than without the dot.
		"http://[::1]:3000":                "http://[::1]:3000",
		"http://[0:0:0:0:0:0:0:1]":         "http://[::1]",
		"http://[2001:DB8:0:0:1:0:0:1]:80": "http://[2001:db8::1:0:0:1]",
		"http://[::ffff:192.168.0.1]":      "http://[::ffff:c0a8:1]",
		"http://127.0.0.1:3000":            "http://127.0.0.1:3000",
		"http://1.2.3.4.example":           "http://1.2.3.4.example",

		"":                         "",
		"*":                        "",
		"https://*.example":        "",
		"null":                     "",
		"NULL":                     "",
		"a.example":                "",
		"localhost:5173":           "",
		"//a.example":              "",
		"https:a.example":          "",
		"https://":                 "",
		"https:///a":               "",
		"https://a.example/path":   "",
		"https://a.example?q":      "",
		"https://a.example#f":      "",
		"https://a.example\\":      "",
		"https://u:pw@a.example":   "",
		"https://a.example:99999x": "",
		"https://a.example:65536":  "",
		"https://a.example:0":      "",
		"https://a.example:-1":     "",
		"https://a:b:1":            "",
		"https://ex%61mple.com":    "",
		"https://a b.example":      "",
		"https://a\tb.example":     "",
		"https://a／b.example":      "", // Its slash is mapped to an ASCII one.
		"https://a..example":       "",
		"https://.example":         "",
		"https://\xff.example":     "",
		"https://xn--a.example":    "", // No Punycode.
		"http://127.1":             "",
		"http://127.0.0.1.:80":     "",
		"http://0x7f.0.0.1":        "",
		"http://0x7f000001":        "",
		"http://010.0.0.1":         "",
		"http://256.0.0.1":         "",
		"http://1.2.3":             "",
		"http://[::1":              "",
		"http://[::1%25eth0]":      "",
		"http://[1.2.3.4]":         "",
	} {
		var one origin
		err := one.UnmarshalText([]byte(text))
		if string(one) != want || (err == nil) != (want != "") {
			t.Errorf("%q is read as %q, %v, want %q", text, one, err, want)
		}
		if strings.Contains(text, ",") {
			continue
		}
		var all origins
		err = all.UnmarshalText([]byte(text))
		if len(all) > 0 && string(all[0]) != want || (err == nil) != (want != "") {
			t.Errorf("in a list %q is read as %q, %v, want %q", text, all, err, want)
		}
	}
}

func TestOriginsOfNativeAppsAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"capacitor://localhost":  "capacitor://localhost",
		"ionic://localhost/":     "ionic://localhost",
		"tauri://localhost":      "tauri://localhost",
		"Tauri://localhost":      "tauri://localhost", // A scheme is always sent in lower case.
		"my-app+1.x://Main.Host": "my-app+1.x://Main.Host",
		"app://localhost:8443":   "app://localhost:8443",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop":         "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"moz-extension://0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53":        "moz-extension://0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53",
		"safari-web-extension://0C9F3B5E-5D0A-4C62-9D3C-0B6F2F1F7A53": "safari-web-extension://0C9F3B5E-5D0A-4C62-9D3C-0B6F2F1F7A53",

		"capacitor://":               "",
		"capacitor://localhost/path": "",
		"capacitor://u@localhost":    "",
		"capacitor://locälhost":      "",
		"capacitor://local host":     "",
		"capacitor:localhost":        "",
		"1app://localhost":           "",
		"ftp://a.example":            "",
		"wss://a.example":            "",
		"file://":                    "",
		"file:///path":               "",
		"htps://a.example":           "", // Slips of the pen.
		"htttp://a.example":          "",
		"ttps://a.example":           "",
	} {
		var all origins
		err := all.UnmarshalText([]byte(text))
		if want == "" && err == nil || want != "" && (err != nil || string(all[0]) != want) {
			t.Errorf("%q is read as %q, %v, want %q", text, all, err, want)
		}
		var issuer origin
		if err := issuer.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as an issuer, which serves no keys", text)
		}
	}
}

func TestAnOriginIsRefusedWithTheSpellingToUse(t *testing.T) {
	t.Parallel()
	var all origins
	err := all.UnmarshalText([]byte("https://a.example,https://BÜCHER.example:443/path, http://u:canary@b.example,app://x"))
	const want = "must have nothing after host and port: write https://xn--bcher-kva.example (number 2 of the list)\n" +
		"must have no user: like https://example.com (number 3 of the list)"
	if err == nil || err.Error() != want {
		t.Errorf("refused with\n%v\nwant\n%s", err, want)
	}
	if err := all.UnmarshalText([]byte("https://a.example, app://x")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(origins{"https://a.example", "app://x"}, all); diff != "" {
		t.Error(diff)
	}
}
