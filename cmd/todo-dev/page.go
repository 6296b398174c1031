package main

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"
)

// pageConfig is what the web page reads from /config.json at its start.
type pageConfig struct {
	APIURL  string `json:"apiUrl"`
	AuthURL string `json:"authUrl"`
}

// newPage serves the built page, which may call the two servers that the
// config names.
func newPage(files fs.FS, config pageConfig) (http.Handler, error) {
	configJSON, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(configJSON) // The browser may be gone.
	})
	mux.Handle("GET /", pageFiles(files))

	policy := contentSecurityPolicy(config)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-cache")
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	}), nil
}

// pageFiles serves files, but no lists of folders.
func pageFiles(files fs.FS) http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" && strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/assets/") {
			// The build names them after their content.
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		server.ServeHTTP(w, r)
	})
}

// contentSecurityPolicy allows what the built page does, and nothing else. The
// build puts small images into the style sheet, as data: URLs.
func contentSecurityPolicy(config pageConfig) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data:",
		"connect-src 'self' " + config.APIURL + " " + config.AuthURL,
		"form-action 'self'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}
