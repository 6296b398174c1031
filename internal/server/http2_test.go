package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// testTimeout bounds every wait of these tests. It is no measure of speed.
const testTimeout = 30 * time.Second

// The types of HTTP/2 frames (RFC 9113 section 6), and the flags used here.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8

	flagEndStream  = 0x1
	flagEndHeaders = 0x4
)

// frame is an HTTP/2 frame.
type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

func (f frame) ends() bool { return f.kind == frameReset || f.flags&flagEndStream != 0 }

// frames is an HTTP/2 connection of single frames, for what no client would do.
type frames struct {
	t      *testing.T
	conn   net.Conn
	stream uint32 // The last that was opened.
}

// dialFrames connects to a server of cleartext HTTP/2. The server may send as
// many bytes on each stream as the window has, until it is opened further.
func dialFrames(t *testing.T, address string, window uint32) *frames {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return newFrames(t, conn, window)
}

// newFrames is dialFrames on a connection that is there.
func newFrames(t *testing.T, conn net.Conn, window uint32) *frames {
	t.Helper()
	f := &frames{t: t, conn: conn}
	f.write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	const initialWindowSize = 4
	f.send(frame{kind: frameSettings, payload: binary.BigEndian.AppendUint32([]byte{0, initialWindowSize}, window)})
	return f
}

// request opens a stream with a request that has a body, which may be nil, and
// headers in pairs. It returns the stream.
func (f *frames) request(method, path string, body []byte, headers ...string) uint32 {
	f.t.Helper()
	f.stream += 2 - (f.stream+1)%2 // The odd numbers.
	headers = append([]string{":method", method, ":path", path, ":scheme", "http", ":authority", "x"}, headers...)
	var block []byte
	for i, text := range headers {
		if i%2 == 0 {
			block = append(block, 0) // A literal that isn't indexed (RFC 7541 section 6.2.2).
		}
		block = appendHPACK(block, text)
	}
	flags := byte(flagEndHeaders)
	if body == nil {
		flags |= flagEndStream
	}
	f.send(frame{kind: frameHeaders, flags: flags, stream: f.stream, payload: block})
	if body != nil {
		f.send(frame{kind: frameData, flags: flagEndStream, stream: f.stream, payload: body})
	}
	return f.stream
}

// appendHPACK appends a string (RFC 7541 section 5.2).
func appendHPACK(dst []byte, text string) []byte {
	const prefix = 0x7f
	n := len(text)
	if n < prefix {
		dst = append(dst, byte(n))
	} else {
		dst = append(dst, prefix)
		for n -= prefix; n >= 0x80; n >>= 7 {
			dst = append(dst, byte(n)|0x80)
		}
		dst = append(dst, byte(n))
	}
	return append(dst, text...)
}

// open lets the server send so many bytes more on a stream, or, when it is 0,
// on the connection.
func (f *frames) open(stream, bytes uint32) {
	f.t.Helper()
	f.send(frame{kind: frameWindowUpdate, stream: stream, payload: binary.BigEndian.AppendUint32(nil, bytes)})
}

func (f *frames) send(fr frame) {
	f.t.Helper()
	header := binary.BigEndian.AppendUint32(nil, uint32(len(fr.payload))<<8|uint32(fr.kind))
	header = binary.BigEndian.AppendUint32(append(header, fr.flags), fr.stream)
	f.write(append(header, fr.payload...))
}

func (f *frames) write(p []byte) {
	f.t.Helper()
	if _, err := f.conn.Write(p); err != nil {
		f.t.Fatal(err)
	}
}

// next returns the next frame, or false when the connection ends.
func (f *frames) next() (frame, bool) {
	f.t.Helper()
	_ = f.conn.SetReadDeadline(time.Now().Add(testTimeout)) // It works on any connection.
	var header [9]byte
	if _, err := io.ReadFull(f.conn, header[:]); err != nil {
		return frame{}, false
	}
	fr := frame{kind: header[3], flags: header[4], stream: binary.BigEndian.Uint32(header[5:])}
	fr.payload = make([]byte, binary.BigEndian.Uint32(header[:])>>8)
	if _, err := io.ReadFull(f.conn, fr.payload); err != nil {
		return frame{}, false
	}
	return fr, true
}

// until returns the first frame that matches.
func (f *frames) until(what string, matches func(frame) bool) frame {
	f.t.Helper()
	for {
		fr, ok := f.next()
		if !ok {
			f.t.Fatalf("the connection ended without %s", what)
		}
		if matches(fr) {
			return fr
		}
	}
}

// body reads a stream to its end, and returns whether it was reset.
func (f *frames) body(stream uint32) (data []byte, reset bool) {
	f.t.Helper()
	var all bytes.Buffer
	last := f.until("the end of the stream", func(fr frame) bool {
		if fr.stream == stream && fr.kind == frameData {
			all.Write(fr.payload)
		}
		return fr.stream == stream && fr.ends()
	})
	return all.Bytes(), last.kind == frameReset
}

// drain reads until the connection ends.
func (f *frames) drain() {
	for ok := true; ok; {
		_, ok = f.next()
	}
}
