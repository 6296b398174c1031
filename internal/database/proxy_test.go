package database_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cancelRequest is the code that a cancel request begins with, behind its length,
// in the place of a protocol's version (PostgreSQL's manual, "Message Formats").
const cancelRequest = 80877102

// serve returns a URL that leads to the database at databaseURL through talk, which
// is called with each client and the database's address, and ends when the client
// has hung up.
func serve(t *testing.T, databaseURL string, talk func(client net.Conn, database string)) (proxied string) {
	t.Helper()
	target, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	database := target.Host
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer func() { _ = client.Close() }()
				talk(client, database)
			})
		}
	})
	// Registered before the database's own, and so run after it has hung up.
	t.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
	})
	target.Host = listener.Addr().String()
	return target.String()
}

// relay passes on what a client says to a database, and has answer pass on what
// comes back, until either hangs up or answer returns.
func relay(client net.Conn, database string, answer func(client, server net.Conn)) {
	server, err := net.Dial("tcp4", database)
	if err != nil {
		return
	}
	hangUp := func() { _, _ = client.Close(), server.Close() }
	var group sync.WaitGroup
	group.Go(func() {
		defer hangUp()
		_, _ = io.Copy(server, client) // Ends when either hangs up.
	})
	answer(client, server)
	hangUp()
	group.Wait()
}

// proxy leads to a database, and holds up what it is told to.
type proxy struct {
	url string

	mu      sync.Mutex
	conns   int                // That have come.
	held    int                // The first so many of them are.
	gate    chan struct{}      // Closed when none is.
	cancels chan chan struct{} // Each cancel request sends one, and waits until that is closed; nil while they needn't.
	text    string             // What is looked for in what clients say.
	found   chan struct{}      // Closed when it has come.
	broken  chan struct{}      // Answers are no messages, and the connections then stay silent until it is closed; nil while they are as they should be.
}

// newProxy returns a proxy before the database at databaseURL.
func newProxy(t *testing.T, databaseURL string) *proxy {
	t.Helper()
	p := &proxy{gate: make(chan struct{})}
	close(p.gate)
	p.url = serve(t, databaseURL, func(client net.Conn, database string) {
		p.mu.Lock()
		p.conns++
		number, cancels := p.conns, p.cancels
		p.mu.Unlock()
		first, err := firstMessage(client)
		if err != nil {
			return
		}
		if binary.BigEndian.Uint32(first[4:]) == cancelRequest && cancels != nil {
			pass := make(chan struct{})
			cancels <- pass
			<-pass
		}
		relay(&proxyConn{Conn: client, first: first, proxy: p}, database, func(client, server net.Conn) {
			p.answer(number, client, server)
		})
	})
	return p
}

// firstMessage reads what a connection begins with: a length, a code, and more.
// PgBouncer wants it in one piece.
func firstMessage(client net.Conn) ([]byte, error) {
	begin := make([]byte, 8)
	if _, err := io.ReadFull(client, begin); err != nil {
		return nil, err
	}
	message := make([]byte, max(8, binary.BigEndian.Uint32(begin)))
	copy(message, begin)
	_, err := io.ReadFull(client, message[len(begin):])
	return message, err
}

// holdCancels has cancel requests wait, until the test ends or nextCancel's function
// is called.
func (p *proxy) holdCancels(t *testing.T) {
	t.Helper()
	const most = 16 // Of a test.
	cancels := make(chan chan struct{}, most)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancels = cancels
	t.Cleanup(func() {
		for len(cancels) > 0 {
			close(<-cancels)
		}
	})
}

// nextCancel waits for a cancel request, and returns what lets it pass. It passes
// when the test ends at the latest.
func (p *proxy) nextCancel(t *testing.T) (pass func()) {
	t.Helper()
	request := <-p.cancels
	pass = sync.OnceFunc(func() { close(request) })
	t.Cleanup(pass)
	return pass
}

// hold keeps back what the database answers on the connections that there are, until
// the test ends or release is called.
func (p *proxy) hold(t *testing.T) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.gate = p.conns, gate
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	return release
}

// breakAnswers has what the database says from now on be broken.
func (p *proxy) breakAnswers(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = make(chan struct{})
	t.Cleanup(func() { close(p.broken) })
}

// lookFor returns what is closed when a client has sent a text from now on.
func (p *proxy) lookFor(text string) (found <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.found = text, make(chan struct{})
	return p.found
}

// look looks at what a client says.
func (p *proxy) look(said []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text != "" && bytes.Contains(said, []byte(p.text)) {
		p.text = ""
		close(p.found)
	}
}

// wait waits until what is answered on a connection may pass.
func (p *proxy) wait(number int) {
	p.mu.Lock()
	held, gate := number <= p.held, p.gate
	p.mu.Unlock()
	if held {
		<-gate
	}
}

// answer passes on what the database says.
func (p *proxy) answer(number int, client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		p.wait(number)
		p.mu.Lock()
		broken := p.broken
		p.mu.Unlock()
		if broken != nil {
			_, _ = client.Write([]byte{'Z', 0, 0, 0, 0}) // No message is as short.
			<-broken
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// proxyConn is a client whose first message has been read.
type proxyConn struct {
	net.Conn
	first []byte
	proxy *proxy
}

func (c *proxyConn) Read(into []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(into, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	n, err := c.Conn.Read(into)
	c.proxy.look(into[:n])
	return n, err
}
