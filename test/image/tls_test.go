//go:build image && linux

package image

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// authority is a certificate authority.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "An authority of a test"},
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	key := newKey(t)
	return authority{certificate: sign(t, template, template, key, key), key: key}
}

// issue returns a certificate for 127.0.0.1 and its key, as PEM.
func (a authority) issue(t *testing.T) (certificate, key []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	private := newKey(t)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", sign(t, template, a.certificate, private, a.key).Raw), encode("PRIVATE KEY", encoded)
}

// save writes the authority's certificate into a file that everybody can read.
func (a authority) save(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, encode("CERTIFICATE", a.certificate.Raw), 0o644); err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func encode(kind string, content []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
}

// startDatabase runs a server with an empty database "secure", which can be reached over
// TLS alone, and a folder with the certificates of its authority, ca.pem, and of another
// one, other.pem.
func startDatabase(t *testing.T) (server *pgtest.Server, certificates string) {
	t.Helper()
	certificates = t.TempDir()
	if err := os.Chmod(certificates, 0o755); err != nil {
		t.Fatal(err)
	}
	ours := newAuthority(t)
	ours.save(t, filepath.Join(certificates, "ca.pem"))
	newAuthority(t).save(t, filepath.Join(certificates, "other.pem"))

	server = pgtest.StartServer(t, nil)
	certificate, key := ours.issue(t)
	server.WriteDataFile(t, "server.crt", certificate)
	server.WriteDataFile(t, "server.key", key)
	server.WriteDataFile(t, "pg_hba.conf", []byte("hostssl secure all 127.0.0.1/32 trust\nhost todo all 127.0.0.1/32 trust\n"))
	pgtest.Exec(t, server.URL(), "CREATE DATABASE secure")
	pgtest.Exec(t, server.URL(), "ALTER SYSTEM SET ssl = on")
	if err := server.Stop(); err != nil { // A reload would take effect some time later.
		t.Fatal(err)
	}
	server.Restart(t)
	return server, certificates
}
