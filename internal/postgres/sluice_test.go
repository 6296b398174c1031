package postgres_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
)

// cancelRequest is the code that a cancel request begins with, behind its length,
// in the place of a protocol's version (PostgreSQL's manual, "Message Formats").
const cancelRequest = 80877102

// sluice leads to a database, and holds up what it is told to.
type sluice struct {
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

// newSluice returns a sluice before the database at databaseURL.
func newSluice(t *testing.T, databaseURL string) *sluice {
	t.Helper()
	s := &sluice{gate: make(chan struct{})}
	close(s.gate)
	s.url = proxy(t, databaseURL, func(client net.Conn, database string) {
		s.mu.Lock()
		s.conns++
		number, cancels := s.conns, s.cancels
		s.mu.Unlock()
		first, err := firstMessage(client)
		if err != nil {
			return
		}
		if binary.BigEndian.Uint32(first[4:]) == cancelRequest && cancels != nil {
			pass := make(chan struct{})
			cancels <- pass
			<-pass
		}
		relay(&sluiceConn{Conn: client, first: first, sluice: s}, database, func(client, server net.Conn) {
			s.answer(number, client, server)
		})
	})
	return s
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
func (s *sluice) holdCancels(t *testing.T) {
	t.Helper()
	const most = 16 // Of a test.
	cancels := make(chan chan struct{}, most)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancels = cancels
	t.Cleanup(func() {
		for len(cancels) > 0 {
			close(<-cancels)
		}
	})
}

// nextCancel waits for a cancel request, and returns what lets it pass. It passes
// when the test ends at the latest.
func (s *sluice) nextCancel(t *testing.T) (pass func()) {
	t.Helper()
	request := <-s.cancels
	pass = sync.OnceFunc(func() { close(request) })
	t.Cleanup(pass)
	return pass
}

// hold keeps back what the database answers on the connections that there are, until
// the test ends or release is called.
func (s *sluice) hold(t *testing.T) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.gate = s.conns, gate
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	return release
}

// breakAnswers has what the database says from now on be broken.
func (s *sluice) breakAnswers(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = make(chan struct{})
	t.Cleanup(func() { close(s.broken) })
}

// lookFor returns what is closed when a client has sent a text from now on.
func (s *sluice) lookFor(text string) (found <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.found = text, make(chan struct{})
	return s.found
}

// look looks at what a client says.
func (s *sluice) look(said []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != "" && bytes.Contains(said, []byte(s.text)) {
		s.text = ""
		close(s.found)
	}
}

// wait waits until what is answered on a connection may pass.
func (s *sluice) wait(number int) {
	s.mu.Lock()
	held, gate := number <= s.held, s.gate
	s.mu.Unlock()
	if held {
		<-gate
	}
}

// answer passes on what the database says.
func (s *sluice) answer(number int, client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		s.wait(number)
		s.mu.Lock()
		broken := s.broken
		s.mu.Unlock()
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

// sluiceConn is a client whose first message has been read.
type sluiceConn struct {
	net.Conn
	first  []byte
	sluice *sluice
}

func (c *sluiceConn) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	c.sluice.look(p[:n])
	return n, err
}
