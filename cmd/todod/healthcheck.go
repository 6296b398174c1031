package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// healthcheckTimeout bounds a health check. It is above the 2 s that the service gives
// its database, and below the 5 s after which the image's HEALTHCHECK is killed, so that
// the check itself says what is wrong.
const healthcheckTimeout = 4 * time.Second

// healthcheckConfig is what `todod healthcheck` reads from the environment. It runs beside
// the service, but may lack the service's secrets.
type healthcheckConfig struct {
	ListenAddr listenAddr `env:"LISTEN_ADDR" envDefault:":8080"`
}

// check rejects a port that only the service itself can know.
func (c *healthcheckConfig) check(isFaulty func(names ...string) bool) error {
	if isFaulty("LISTEN_ADDR") {
		return nil
	}
	if _, port, _ := net.SplitHostPort(string(c.ListenAddr)); port == "0" {
		return errors.New("LISTEN_ADDR must have a port other than 0: nobody else knows which port the service got")
	}
	return nil
}

// healthcheck asks the service beside it whether it is ready, for orchestrators that can
// only run a command. It fails with the reason when the service is not ready.
func healthcheck(ctx context.Context, cfg healthcheckConfig, stdout io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, healthcheckTimeout,
		fmt.Errorf("no response within %v", healthcheckTimeout))
	defer cancel()
	if err := askReady(ctx, string(cfg.ListenAddr)); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx) // Says it in plainer words.
		}
		return fmt.Errorf("not ready: %s: %w", cfg.ListenAddr, err)
	}
	_, err := fmt.Fprintln(stdout, "ready")
	return err
}

// askReady asks /readyz of the service that listens at an address. A wildcard address
// stands for the loopback interface.
func askReady(ctx context.Context, address string) error {
	transport := &http.Transport{
		// The URL below names no address, since the host of LISTEN_ADDR may be empty.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 16 << 10,
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/readyz", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		if request, ok := errors.AsType[*url.Error](err); ok {
			err = request.Err // Without the URL, whose host is made up.
		}
		return err
	}
	defer res.Body.Close()
	var answer struct{ Status, Database string }
	const most = 4 << 10 // More than the service sends.
	if err := json.NewDecoder(io.LimitReader(res.Body, most)).Decode(&answer); err != nil && ctx.Err() != nil {
		return err
	}
	switch {
	case res.StatusCode == http.StatusOK && answer.Status == "ok":
		return nil
	case res.StatusCode == http.StatusServiceUnavailable && answer.Database == "ok":
		return errors.New("the service shuts down")
	case res.StatusCode == http.StatusServiceUnavailable && answer.Database != "":
		return errors.New("the service can't use its database; its log says why")
	}
	return fmt.Errorf("something else listens there: /readyz answered %s", res.Status)
}
