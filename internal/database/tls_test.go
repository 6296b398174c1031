package database_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// The forms of URL that providers hand out, against a server that asks for a
// password over TLS and offers channel binding, as theirs do.
func TestURLsOfProvidersConnectAsPasted(t *testing.T) {
	t.Parallel()
	server := pgtest.StartServer(t, nil)
	pgtest.Exec(t, server.URL(), countersSQL)
	secure(t, server)
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", server.Port())
	for name, url := range map[string]string{
		"channel binding": "postgresql://neon:p%40ss%2Fword@" + at + "/todo?sslmode=require&channel_binding=require",
		"several hosts":   "postgres://neon:p%40ss%2Fword@" + nobody + "," + at + "/todo?sslmode=require&target_session_attrs=read-write",
		"a pooler's mode": "postgres://neon:p%40ss%2Fword@" + at + "/todo?sslmode=require&default_query_exec_mode=exec&pool_max_conn_lifetime=10m",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, id := openCounters(t, url, 2), int(mathrand.Int32())
			// The server reads its settings again when it gets to it.
			pgtest.WaitFor(t, "a connection", func() error {
				_, err := c.put(t.Context(), "u", id, "")
				return err
			})
			// A cancel request takes the same way.
			c.fill(t, 2)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := c.write(ctx, "u", "SELECT pg_sleep(600)"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a statement: %v, want the deadline", err)
			}
			connections := c.Pool().Stat().NewConnsCount()
			c.fill(t, 2)
			c.wantConnections(t, connections)
		})
	}
}

// secure gives a server TLS and a role neon, which needs both that and its
// password.
func secure(t *testing.T, server *pgtest.Server) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	encodedKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}

	server.WriteDataFile(t, "server.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	server.WriteDataFile(t, "server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encodedKey}))
	server.WriteDataFile(t, "pg_hba.conf", []byte("hostssl all neon 127.0.0.1/32 scram-sha-256\nhost all todo 127.0.0.1/32 trust\n"))
	conn := pgtest.Connect(t, server.URL())
	pgtest.ExecOn(t, conn, "SET password_encryption = 'scram-sha-256'")
	pgtest.ExecOn(t, conn, "CREATE ROLE neon LOGIN PASSWORD 'p@ss/word'; GRANT ALL ON counter TO neon")
	pgtest.ExecOn(t, conn, "ALTER SYSTEM SET ssl = on")
	pgtest.ExecOn(t, conn, "SELECT pg_reload_conf()")
}
