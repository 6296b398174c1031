//go:build linux

package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// The names of one site. Browsers find names of .localhost on their own machine.
const (
	pageName = "todo.localhost"
	authName = "auth.todo.localhost"
	apiName  = "api.todo.localhost"
)

// proxy is a running proxy with a file of deploy/proxy.
type proxy struct {
	*process
	httpAt string // Where it serves without TLS.
	roots  *x509.CertPool
}

// startCaddy runs Caddy with one of the files, on the ports of the origins. It makes its own
// certificates, as it does for anybody who tries the file on their own machine.
func startCaddy(t *testing.T, file string, s *stack, environment map[string]string) *proxy {
	t.Helper()
	dir := t.TempDir()
	p := &proxy{httpAt: freeAddress(t), roots: x509.NewCertPool()}
	all := map[string]string{
		"HTTP_PORT":       portOf(p.httpAt),
		"CADDY_ADMIN":     "unix/" + filepath.Join(dir, "admin"),
		"TODOD":           s.tododAt,
		"BETTER_AUTH":     s.authAt,
		"PAGE_ROOT":       repository(t, "web", "app", "dist"),
		"XDG_DATA_HOME":   dir,
		"XDG_CONFIG_HOME": dir,
	}
	maps.Copy(all, environment)
	p.process = start(t, all, needProgram(t, "caddy", "caddy"), "run", "--adapter", "caddyfile", "--config", file)
	p.says(t, "serving initial configuration")
	root, err := os.ReadFile(filepath.Join(dir, "caddy", "pki", "authorities", "local", "root.crt"))
	if err != nil {
		t.Fatalf("%v\n%s", err, p.output)
	}
	p.roots.AppendCertsFromPEM(root)
	// Certificates are made in the background.
	client := newCaller(t, p.roots, false)
	for _, site := range []origin{s.page, s.authority, s.api} {
		eventually(t, "Caddy has a certificate for "+string(site), func() bool {
			return client.call(t, http.MethodGet, string(site), "").err == nil
		})
	}
	return p
}

// startHAProxy runs HAProxy with one of the files, before a server of the page's files.
func startHAProxy(t *testing.T, file string, s *stack, environment map[string]string) *proxy {
	t.Helper()
	page := httptest.NewServer(http.FileServerFS(os.DirFS(repository(t, "web", "app", "dist"))))
	t.Cleanup(page.Close)
	p := &proxy{httpAt: freeAddress(t), roots: x509.NewCertPool()}
	all := map[string]string{
		"HTTP_BIND":   p.httpAt,
		"HTTPS_BIND":  "127.0.0.1:" + portOf(string(s.page)),
		"ONCE_SOCKET": filepath.Join(t.TempDir(), "once.sock"),
		"CERTIFICATE": certificate(t, p.roots, pageName, authName, apiName),
		"TODOD":       s.tododAt,
		"BETTER_AUTH": s.authAt,
		"PAGE":        hostOf(t, page.URL),
	}
	maps.Copy(all, environment)
	p.process = start(t, all, needProgram(t, "haproxy", "haproxy"), "-db", "-f", file)
	client := newCaller(t, p.roots, false)
	eventually(t, "HAProxy finds all ready", func() bool {
		select {
		case <-p.Done():
			t.Fatalf("HAProxy has ended: %s", p.output)
		default:
		}
		return client.call(t, http.MethodGet, string(s.api)+"/api/health", "").status == http.StatusOK &&
			client.call(t, http.MethodGet, string(s.authority)+"/api/auth/ok", "").status == http.StatusOK
	})
	return p
}

// portOf returns what comes after the last colon.
func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// certificate makes a file with a key and a certificate for names, which a pool then trusts.
func certificate(t *testing.T, roots *x509.CertPool, names ...string) (file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(made)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(system.FolderFor(t, system.Unprivileged(t)), "todo.pem") // HAProxy may run as that.
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))+
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return file
}

func TestPageBetterAuthAndAPIBehindOneProxy(t *testing.T) {
	database := startDatabase(t)
	one := func(t *testing.T) *stack {
		site := origin("https://" + pageName + ":" + portOf(freeAddress(t)))
		return startStack(t, database, site, site, site)
	}
	three := func(t *testing.T) *stack {
		port := ":" + portOf(freeAddress(t))
		return startStack(t, database, origin("https://"+pageName+port), origin("https://"+authName+port), origin("https://"+apiName+port))
	}
	file := func(name string) string { return repository(t, "deploy", "proxy", name) }
	for name, arrangement := range map[string]struct {
		stack func(t *testing.T) *stack
		proxy func(t *testing.T, s *stack) *proxy
	}{
		"Caddy on one origin": {one, func(t *testing.T, s *stack) *proxy {
			return startCaddy(t, file("one-origin.Caddyfile"), s, map[string]string{"SITE": string(s.page)})
		}},
		"Caddy on three origins": {three, func(t *testing.T, s *stack) *proxy {
			return startCaddy(t, file("three-origins.Caddyfile"), s,
				map[string]string{"PAGE_SITE": string(s.page), "AUTH_SITE": string(s.authority), "API_SITE": string(s.api)})
		}},
		"HAProxy on one origin": {one, func(t *testing.T, s *stack) *proxy {
			return startHAProxy(t, file("one-origin.haproxy.cfg"), s, map[string]string{"PUBLIC_ORIGIN": string(s.page)})
		}},
		"HAProxy on three origins": {three, func(t *testing.T, s *stack) *proxy {
			return startHAProxy(t, file("three-origins.haproxy.cfg"), s, map[string]string{
				"PAGE_HOST": pageName, "AUTH_HOST": authName, "API_HOST": apiName,
				"AUTH_ORIGIN": string(s.authority), "API_ORIGIN": string(s.api),
			})
		}},
		"HAProxy before the balancer of one cell": {one, func(t *testing.T, s *stack) *proxy {
			b := startBalancer(t, "one-cell.cfg", map[string]string{"TODOD_A": s.tododAt, "TODOD_B": s.tododAt})
			return startHAProxy(t, file("one-origin.haproxy.cfg"), s, map[string]string{"PUBLIC_ORIGIN": string(s.page), "TODOD": b.Address})
		}},
		"HAProxy before the balancer of cells": {one, func(t *testing.T, s *stack) *proxy {
			b := startBalancer(t, "cells.cfg",
				map[string]string{"CELL1_A": s.tododAt, "CELL1_B": s.tododAt, "CELL2_A": s.tododAt, "CELL2_B": s.tododAt})
			return startHAProxy(t, file("one-origin.haproxy.cfg"), s, map[string]string{"PUBLIC_ORIGIN": string(s.page), "TODOD": b.Address})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := arrangement.stack(t) // One after the other: Better Auth's migrations disturb each other.
			t.Parallel()              // The rest waits more than it works.
			p := arrangement.proxy(t, s)
			d := &deployment{stack: s, proxy: p, browser: newCaller(t, p.roots, true), old: newCaller(t, p.roots, false)}
			d.cutsLargeBodies = strings.HasPrefix(name, "HAProxy")
			t.Run("the page loads", d.testPage)
			t.Run("a user signs in", d.testSignIn)
			t.Run("every protocol", d.testProtocols)
			t.Run("other origins", d.testOrigins)
			t.Run("request ids", d.testRequestIDs)
			t.Run("requests that are too large", d.testTooLarge)
			t.Run("what stays inside", d.testInside)
			t.Run("without TLS", d.testRedirect)
			t.Run("while the service is down", d.testDown) // Last: it ends the service.
		})
	}
}
