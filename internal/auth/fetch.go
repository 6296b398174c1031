package auth

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// fetcher fetches a key set from one address. It always fetches the whole set, since
// Better Auth sends no validators such as ETag.
type fetcher struct {
	url    string
	client *http.Client
}

// newFetcher returns a fetcher that uses client, or a client of its own for nil.
func newFetcher(url string, client *http.Client) *fetcher {
	bounded := http.Client{Transport: newTransport()}
	if client != nil {
		bounded = *client
	}
	bounded.CheckRedirect = checkRedirect
	return &fetcher{url: url, client: &bounded}
}

// newTransport returns a transport for about one fetch an hour. It keeps no
// connections, since the issuer would close them before the next fetch.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxResponseHeaderBytes,
	}
}

// checkRedirect rejects redirects to another host or port, or from https to http: only
// the configured host may provide the keys.
func checkRedirect(to *http.Request, via []*http.Request) error {
	from := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case to.URL.Host != from.Host:
		return fmt.Errorf("redirected to another host, %q: configure the issuer's own address", to.URL.Host)
	case to.URL.Scheme != from.Scheme && to.URL.Scheme != "https":
		return errors.New("redirected from https to " + to.URL.Scheme)
	}
	return nil
}

// fetch returns the usable keys of the set, by key ID.
func (f *fetcher) fetch(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching the key set: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching the key set: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching the key set: %s answers with status %d", f.url, res.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, maxKeySetBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the key set: %w", err)
	}
	if len(document) > maxKeySetBytes {
		return nil, fmt.Errorf("the key set at %s is larger than %d bytes", f.url, maxKeySetBytes)
	}
	keys, err := parseKeySet(document)
	if err != nil {
		return nil, fmt.Errorf("the key set at %s: %w", f.url, err)
	}
	return keys, nil
}
