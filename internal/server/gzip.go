package server

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"connectrpc.com/connect"
)

// maxCompressedBytes bounds a message as it is sent compressed: the texts of a
// todo have 10 KB at most before they are. It bounds the time, too: 64 KiB of
// empty blocks, each with a code table, take 8 ms to find nothing in.
const maxCompressedBytes = 16 << 10

// minCompressedBytes is the size from which answers are compressed: what a packet
// holds is not faster for it, and a todo takes longer to compress than to get.
const minCompressedBytes = 1 << 10

// withGzip has messages decompressed no further than to their bound. Connect
// would go on to the end, which may be a thousandfold, to say in the refusal
// how much it was. Answers are compressed fast: 200 todos to 8 KB in 0.2 ms,
// where gzip's default takes 1.3 ms for 7 KB.
func withGzip() connect.HandlerOption {
	return connect.WithHandlerOptions(
		connect.WithCompressMinBytes(minCompressedBytes),
		connect.WithCompression("gzip", func() connect.Decompressor { return new(gzipReader) }, newGzipWriter))
}

func newGzipWriter() connect.Compressor {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // There is such a level.
	}
	return w
}

// withoutCompression is for messages that are too small for it.
func withoutCompression() connect.HandlerOption { return connect.WithCompression("gzip", nil, nil) }

// gzipReader decompresses a message of at most maxMessageBytes, sent in at most
// maxCompressedBytes.
type gzipReader struct {
	gzip.Reader
	src  bytes.Reader
	cut  bool // src is the beginning of what was sent.
	left int  // Bytes that the message may yet have.
}

var _ connect.Decompressor = (*gzipReader)(nil)

// Reset implements [connect.Decompressor].
func (r *gzipReader) Reset(src io.Reader) error {
	var sent []byte // Stays empty when Connect lets go of a message: then src is of another kind.
	if message, ok := src.(*bytes.Buffer); ok {
		sent = message.Bytes()
	}
	r.left, r.cut = maxMessageBytes, len(sent) > maxCompressedBytes
	r.src.Reset(sent[:min(len(sent), maxCompressedBytes)])
	return r.Reader.Reset(&r.src)
}

// Read fails when the message is larger than its bound.
func (r *gzipReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(len(p), r.left+1)])
	if n > r.left {
		return 0, errTooLarge()
	}
	r.left -= n
	if r.cut && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = connect.NewError(connect.CodeResourceExhausted,
			fmt.Errorf("the compressed request is larger than %d bytes", maxCompressedBytes))
	}
	return n, err
}
