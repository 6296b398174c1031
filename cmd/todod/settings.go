package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/todo-backend/internal/postgres"
)

// The types of the settings. Their errors complete the sentence that begins
// with the variable's name.

// databaseURL is a PostgreSQL connection string. It may hold a password, so
// neither an error nor a log line shows it.
type databaseURL string

func (u *databaseURL) UnmarshalText(text []byte) error {
	if err := postgres.CheckURL(string(text)); err != nil {
		return err
	}
	*u = databaseURL(text)
	return nil
}

// LogValue keeps the password out of logs.
func (databaseURL) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// origin is the origin of a web server or page, as browsers write it (RFC 6454
// section 6.1): scheme, host, and the port unless it is the scheme's own.
type origin string

func (o *origin) UnmarshalText(text []byte) error {
	u, err := url.Parse(strings.TrimSpace(string(text)))
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New("must be like https://example.com")
	case strings.Contains(u.Host, "*"):
		return errors.New("must name each origin; * is not supported")
	case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", u.ForceQuery:
		return errors.New("must have nothing after host and port, and no user: like https://example.com")
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	*o = origin(u.Scheme + "://" + host)
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

// number is a number of other things, of which there may be none.
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

// listenAddr is a TCP address to listen at; port 0 lets the system choose.
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

// logLevel is the least level that is logged.
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
