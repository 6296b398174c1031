package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.com/todo-backend/internal/connstring"
)

// The types of the settings. Their errors continue a sentence that begins with the
// variable's name.

// databaseURL is a PostgreSQL connection string. It may contain a password, so
// printing or encoding it shows only [redacted].
type databaseURL string

func (u *databaseURL) UnmarshalText(text []byte) error {
	if err := connstring.Check(string(text)); err != nil {
		return err
	}
	*u = databaseURL(text)
	return nil
}

// redacted is shown in place of a secret.
const redacted = "[redacted]"

// Format implements [fmt.Formatter], for every verb.
func (databaseURL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json and others use.
//
//nolint:unparam // The interface has the error.
func (databaseURL) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements [slog.LogValuer].
func (databaseURL) LogValue() slog.Value { return slog.StringValue(redacted) }

// headerNames are names of request headers.
type headerNames []string

func (h *headerNames) UnmarshalText(text []byte) error {
	// RFC 9110 section 5.6.2.
	token := regexp.MustCompile("^[!#$%&'+.^_`|~0-9A-Za-z-]+$")
	// No page can send these, whatever a server allows (Fetch standard, "forbidden
	// request-header").
	forbidden := regexp.MustCompile("^(?i:accept-charset|accept-encoding|connection|content-length|cookie2?|date|dnt|expect|host|" +
		"keep-alive|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|via|(access-control|proxy|sec)-.*)$")
	var read headerNames
	var errs []error
	for i, name := range strings.Split(string(text), ",") {
		name = strings.TrimSpace(name)
		switch {
		case strings.Contains(name, "*"):
			errs = append(errs, errors.New("must name each header; * is not supported"))
		case !token.MatchString(name):
			errs = append(errs, fmt.Errorf("must be names of headers, like traceparent,baggage: number %d of the list is not", i+1))
		case forbidden.MatchString(name):
			errs = append(errs, fmt.Errorf("must not have %s: browsers don't let pages send it", name))
		}
		read = append(read, name)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	*h = read
	return nil
}

// seconds is a duration, set in whole seconds.
type seconds time.Duration

func (s *seconds) UnmarshalText(text []byte) error {
	const most = 30 * 24 * 60 * 60 // 30 days
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || n > most {
		return fmt.Errorf("must be whole seconds from 0 to %d", most)
	}
	*s = seconds(time.Duration(n) * time.Second)
	return nil
}

// days is a duration, set in whole days.
type days time.Duration

func (d *days) UnmarshalText(text []byte) error {
	const most = 3650 // Ten years.
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || n > most {
		return fmt.Errorf("must be whole days from 0 to %d", most)
	}
	*d = days(time.Duration(n) * 24 * time.Hour)
	return nil
}

// connections is a number of database connections.
type connections int

func (c *connections) UnmarshalText(text []byte) error {
	const most = 10_000
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("must be a number from 1 to %d", most)
	}
	*c = connections(n)
	return nil
}

// number is a number of other things; it may be 0.
type number int

func (n *number) UnmarshalText(text []byte) error {
	const most = 1_000_000
	parsed, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || parsed > most {
		return fmt.Errorf("must be a number from 0 to %d", most)
	}
	*n = number(parsed)
	return nil
}

// listenAddr is a TCP address to listen on; port 0 lets the system choose.
type listenAddr string

func (a *listenAddr) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return errors.New("must be like :8080 or 127.0.0.1:8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("must end in a port from 0 to 65535")
	}
	*a = listenAddr(text)
	return nil
}

// collector is the address of an OpenTelemetry collector that takes OTLP over HTTP.
type collector string

func (c *collector) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("must be like http://localhost:4318")
	case u.User != nil:
		return errors.New("must not have a password; OTEL_EXPORTER_OTLP_HEADERS is for that")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("must have nothing after its path")
	}
	*c = collector(text)
	return nil
}

// tracesURL returns where traces are sent (OTLP, section "OTLP/HTTP Request"), or "".
func (c collector) tracesURL() string {
	if c == "" {
		return ""
	}
	return strings.TrimRight(string(c), "/") + "/v1/traces"
}

// logLevel is the lowest level that is logged.
type logLevel slog.Level

func (l *logLevel) UnmarshalText(text []byte) error {
	var level slog.Level
	if err := level.UnmarshalText(text); err != nil {
		return errors.New("must be debug, info, warn or error")
	}
	*l = logLevel(level)
	return nil
}

// toggle is a setting that is on or off.
type toggle bool

func (t *toggle) UnmarshalText(text []byte) error {
	on, err := strconv.ParseBool(string(text))
	if err != nil {
		return errors.New("must be true or false")
	}
	*t = toggle(on)
	return nil
}
