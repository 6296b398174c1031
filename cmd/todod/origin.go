package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// origin is the origin of a web server or page as browsers write it: scheme, host, and
// the port unless it is the scheme's default. Other spellings are normalised as browsers
// do (WHATWG's URL standard, section 4), so that origins can be compared as strings.
type origin string

// errNoOrigin says what an origin looks like.
var errNoOrigin = errors.New("must be like https://example.com")

func (o *origin) UnmarshalText(text []byte) error {
	read, err := readOrigin(string(text))
	if err != nil {
		return err
	}
	if !strings.HasPrefix(read, "http:") && !strings.HasPrefix(read, "https:") {
		return errNoOrigin
	}
	*o = origin(read)
	return nil
}

// origins are origins of pages and of native apps, which have their own schemes.
type origins []origin

func (o *origins) UnmarshalText(text []byte) error {
	var read origins
	var errs []error
	for i, one := range strings.Split(string(text), ",") {
		found, err := readOrigin(one)
		if err != nil {
			// By its position, since it may contain a password.
			errs = append(errs, fmt.Errorf("%w (number %d of the list)", err, i+1))
		}
		read = append(read, origin(found))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	*o = read
	return nil
}

// readOrigin returns an origin as a browser sends it.
func readOrigin(text string) (string, error) {
	text = strings.TrimSpace(text)
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case strings.Contains(text, "*"):
		return "", errors.New("must name each origin; * is not supported")
	case strings.EqualFold(text, "null"):
		return "", errors.New("must not have null, which is the origin of every sandboxed page and every file")
	case !found || !isScheme(scheme):
		return "", errNoOrigin
	}
	scheme = strings.ToLower(scheme)
	authority, behind := rest, ""
	if i := strings.IndexAny(rest, `/\?#`); i >= 0 {
		authority, behind = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return "", errors.New("must have no user: like https://example.com")
	}
	host, port, err := splitPort(authority)
	if err != nil {
		return "", err
	}
	switch scheme {
	case "http", "https":
		if host, err = hostOf(host); err != nil {
			return "", err
		}
		if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
			port = ""
		}
	default:
		if err := checkApp(scheme, host); err != nil {
			return "", err
		}
	}
	read := scheme + "://" + host
	if port != "" {
		read += ":" + port
	}
	if behind != "" && behind != "/" {
		return "", fmt.Errorf("must have nothing after host and port: write %s", read)
	}
	return read, nil
}

// isScheme reports whether a text is a URL's scheme (RFC 3986 section 3.1).
func isScheme(text string) bool {
	for i, r := range text {
		isLetter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !isLetter && (i == 0 || (r < '0' || r > '9') && !strings.ContainsRune("+-.", r)) {
			return false
		}
	}
	return text != ""
}

// splitPort splits host and port, and removes leading zeros of the port.
func splitPort(authority string) (host, port string, err error) {
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port = authority[:i], authority[i+1:]
	}
	if port == "" {
		return host, "", nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", "", errors.New("must end in a port from 1 to 65535, or in none: like https://example.com:8443")
	}
	return host, strconv.FormatUint(number, 10), nil
}

// hostOf returns the host of a web origin as a browser writes it.
func hostOf(host string) (string, error) {
	if inner, isIPv6 := strings.CutPrefix(host, "["); isIPv6 {
		inner, closed := strings.CutSuffix(inner, "]")
		address, err := netip.ParseAddr(inner)
		if !closed || err != nil || !address.Is6() || address.Zone() != "" {
			return "", errors.New("must have an IPv6 address without a zone in its brackets: like http://[::1]:3000")
		}
		if address.Is4In6() { // The standard has no dotted form for it.
			b := address.As16()
			return fmt.Sprintf("[::ffff:%x:%x]", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15])), nil
		}
		return "[" + address.String() + "]", nil
	}
	// As the standard's "domain to ASCII" with beStrict false.
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false),
		idna.CheckHyphens(false), idna.VerifyDNSLength(false))
	name, err := profile.ToASCII(host)
	if err != nil || !utf8.ValidString(host) || hasForbidden(host) || hasForbidden(name) ||
		name == "" || name[0] == '.' || strings.Contains(name, "..") {
		return "", errors.New("must have a host name that browsers take: like https://example.com")
	}
	return name, checkNumbers(name)
}

// hasForbidden reports whether a host has a forbidden character: those that the
// standard forbids, quotation marks, braces, and %, which browsers decode.
func hasForbidden(host string) bool {
	return strings.ContainsFunc(host, func(r rune) bool {
		return r <= ' ' || unicode.IsControl(r) || strings.ContainsRune(`"<>[]\^|%:{}/?#@`+"`", r)
	})
}

// checkNumbers fails for a host that browsers take for an IPv4 address, since its last
// part is a number, but would write differently.
func checkNumbers(name string) error {
	parts := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := parts[len(parts)-1]
	digits, isHex := strings.CutPrefix(last, "0x")
	if strings.Trim(last, "0123456789") != "" && (!isHex || strings.Trim(digits, "0123456789abcdef") != "") {
		return nil
	}
	address, err := netip.ParseAddr(name)
	if err != nil || address.String() != name {
		return errors.New("must have its IPv4 address as four decimal numbers: like http://127.0.0.1:3000")
	}
	return nil
}

// checkApp fails unless scheme and host can be the origin of a native app, such as
// capacitor://localhost. Any scheme may be used, and the host is not normalised.
func checkApp(scheme, host string) error {
	switch {
	case strings.Trim(scheme, "htps") == "", scheme == "ftp", scheme == "ws", scheme == "wss":
		return errNoOrigin // No app's scheme, or http or https misspelt.
	case scheme == "file":
		return errors.New("must not have file:, whose pages have the origin null: serve them, or give the app a scheme of its own")
	case host == "", strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }), hasForbidden(host):
		return errors.New("must have a host in visible ASCII after the scheme: like capacitor://localhost")
	}
	return nil
}
