package main

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// The types of frames (RFC 9113 section 6), and two flags.
const (
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	frameGoAway       = 0x7
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagEndHeaders = 0x4
)

// appendFrame appends a frame.
func appendFrame(frames []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	frames = append(frames, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	return append(binary.BigEndian.AppendUint32(frames, stream), payload...)
}

// appendString appends a string in HPACK's plain form (RFC 7541 section 5).
func appendString(block []byte, text string) []byte {
	const prefix = 127
	if len(text) < prefix {
		block = append(block, byte(len(text)))
	} else {
		block = append(block, prefix)
		rest := len(text) - prefix
		for ; rest >= 128; rest /= 128 {
			block = append(block, byte(rest%128+128))
		}
		block = append(block, byte(rest))
	}
	return append(block, text...)
}

// TestWhatEndsAConnectionOfHTTP2 sends requests with a header that is wrong. Where
// calls of others are on the connection, they are to go on.
func TestWhatEndsAConnectionOfHTTP2(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, test := range map[string]struct {
		header, value string
		want          byte // The frame that answers.
	}{
		"a header of 20 KiB":                      {"x-long", strings.Repeat("a", 20<<10), frameHeaders},
		"a header of 20 KiB of Huffman's longest": {"x-long", strings.Repeat("\xff", 20<<10), frameHeaders},
		"a name of 20 KiB":                        {strings.Repeat("a", 20<<10), "a", frameHeaders},
		"a name in capitals":                      {"X-Long", "a", frameReset},
		"a header of 70 KiB":                      {"x-long", strings.Repeat("a", 70<<10), frameGoAway},
	} {
		var block []byte
		for _, field := range [][2]string{
			{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/livez"}, {test.header, test.value},
		} {
			block = appendString(appendString(append(block, 0), field[0]), field[1])
		}
		const most = 16 << 10 // Of a frame.
		first := block[:min(len(block), most)]
		frames := appendFrame([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frameSettings, 0, 0, nil)
		flags := byte(flagEndStream)
		if len(first) == len(block) {
			flags |= flagEndHeaders
		}
		frames = appendFrame(frames, frameHeaders, flags, 1, first)
		for rest := block[len(first):]; len(rest) > 0; {
			next := rest[:min(len(rest), most)]
			rest = rest[len(next):]
			flags = 0
			if len(rest) == 0 {
				flags = flagEndHeaders
			}
			frames = appendFrame(frames, frameContinuation, flags, 1, next)
		}
		conn := s.dial(t)
		if _, err := conn.Write(frames); err != nil {
			t.Fatal(err)
		}
		for got := byte(0xff); got != frameHeaders && got != frameReset && got != frameGoAway; {
			var head [9]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(conn, payload); err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			if got = head[3]; (got == frameHeaders || got == frameReset || got == frameGoAway) && got != test.want {
				t.Errorf("%s: a frame of type %d: %q", name, got, payload)
			}
		}
	}
}
