package pgtest

import (
	"net/url"
	"strings"
)

// WithParameter returns a database's URL with a parameter more, or with another value.
func WithParameter(databaseURL, name, value string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic(err) // This package made it.
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // As PostgreSQL reads URLs.
	return u.String()
}

// QueryModes returns what default_query_exec_mode may be. PgBouncer before 1.21 needs
// exec; the others are what operators may put into the URL as well.
func QueryModes() []string {
	return []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}
}
