package connstring

import (
	"errors"
	"net/url"
	"strings"
)

// splitURL takes a connection string apart as libpq does: what is in front of
// its parameters, under the names of the parameters that say the same, and those.
func splitURL(text string) (said map[string]string, parameters string, err error) {
	rest, found := strings.CutPrefix(text, "postgres://")
	if !found {
		if rest, found = strings.CutPrefix(text, "postgresql://"); !found {
			return nil, "", errors.New("must begin with postgres:// or postgresql://")
		}
	}
	var account string
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		account, rest = rest[:i], rest[i+1:]
	}
	rest, parameters, _ = strings.Cut(rest, "?")
	// One of these would be part of a password that is not encoded.
	if strings.Contains(rest+parameters, "@") {
		return nil, "", errURL
	}
	addresses, database, _ := strings.Cut(rest, "/")
	var hosts, ports []string
	for address := range strings.SplitSeq(addresses, ",") {
		host, port, err := splitAddress(address)
		if err != nil {
			return nil, "", err
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	username, password, _ := strings.Cut(account, ":")
	said = make(map[string]string)
	for name, encoded := range map[string]string{
		"user": username, "password": password, "database": database,
		"host": strings.Join(hosts, ","), "port": strings.Join(ports, ","),
	} {
		decoded, err := decode(encoded)
		if err != nil {
			return nil, "", err
		}
		if decoded != "" {
			said[name] = decoded
		}
	}
	return said, parameters, nil
}

// splitAddress takes host and port apart.
func splitAddress(address string) (host, port string, err error) {
	if inner, isIPv6 := strings.CutPrefix(address, "["); isIPv6 {
		host, port, closed := strings.Cut(inner, "]")
		if !closed || host == "" || port != "" && port[0] != ':' {
			return "", "", errors.New("has an IPv6 address without both its brackets")
		}
		return host, strings.TrimPrefix(port, ":"), nil
	}
	host, port, _ = strings.Cut(address, ":")
	return host, port, nil
}

// decode undoes percent-encoding. In contrast to that of the web, a + is a +.
func decode(encoded string) (string, error) {
	decoded, err := url.PathUnescape(strings.Trim(encoded, " "))
	if err != nil || strings.ContainsRune(decoded, 0) || strings.Contains(strings.Trim(encoded, " "), " ") {
		return "", errURL
	}
	return decoded, nil
}
