package rest

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// message returns a message in its envelope.
func message(flags byte, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(text)))) + text
}

// TestEventsAreTheSameHoweverTheyAreWritten writes a stream at once, and byte by byte.
func TestEventsAreTheSameHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	stream := message(0, "{}") + message(0, "") + message(0, "{\r\n\"a\":\n1}") + message(envelopeEndStream, `{"error":{"code":"internal"}}`)
	const want = "id: x\ndata: {}\n\n" + "data: \n\n" + "data: {  \"a\": 1}\n\nevent: error\ndata: {\"code\":\"internal\"}\n\n"
	for _, size := range []int{len(stream), 1, 3, 7} {
		recorder := httptest.NewRecorder()
		w := &eventWriter{ResponseWriter: recorder, id: "x"}
		for rest := stream; rest != ""; {
			n := min(size, len(rest))
			if written, err := w.Write([]byte(rest[:n])); written != n || err != nil {
				t.Fatalf("wrote %d of %d: %v", written, n, err)
			}
			rest = rest[n:]
		}
		if got := recorder.Body.String(); got != want {
			t.Errorf("%d bytes at a time:\n%q, want\n%q", size, got, want)
		}
	}
}

func TestAnIDIsOneLine(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "a\nevent: error", "a\r", "\x00"} {
		recorder := httptest.NewRecorder()
		w := &eventWriter{ResponseWriter: recorder, id: id}
		if _, err := w.Write([]byte(message(0, "{}"))); err != nil || recorder.Body.String() != "data: {}\n\n" {
			t.Errorf("%q: %q, %v", id, recorder.Body, err)
		}
	}
}

// TestWhatIsNoStreamOfConnectFails writes what a handler must not.
func TestWhatIsNoStreamOfConnectFails(t *testing.T) {
	t.Parallel()
	end := message(envelopeEndStream, "{}")
	for name, stream := range map[string]string{
		"a compressed message":   message(1, "{}"),
		"a compressed end":       message(3, "{}"),
		"a message after an end": end + message(0, "{}"),
		"an end after an end":    end + end,
		"an end without JSON":    message(envelopeEndStream, "{"),
	} {
		w := &eventWriter{ResponseWriter: httptest.NewRecorder()}
		n, err := w.Write([]byte(stream))
		if _, again := w.Write([]byte(message(0, "{}"))); n != 0 || err == nil || !errors.Is(again, err) {
			t.Errorf("%s: wrote %d, %v, and then %v", name, n, err, again)
		}
	}
}

// TestARefusalOfConnectIsPassedOn is about what reaches no method.
func TestARefusalOfConnectIsPassedOn(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	w := &eventWriter{ResponseWriter: recorder}
	http.Error(w, "no", http.StatusUnsupportedMediaType)
	if recorder.Code != http.StatusUnsupportedMediaType || recorder.Body.String() != "no\n" {
		t.Errorf("%d %q", recorder.Code, recorder.Body)
	}
}

// writeFails is a response whose client is gone.
type writeFails struct{ http.ResponseWriter }

var errGone = errors.New("gone")

func (writeFails) Write([]byte) (int, error) { return 0, errGone }

// TestAFailedWriteIsTheHandlers expects the error unwrapped: the server tells by it why
// the client is gone.
func TestAFailedWriteIsTheHandlers(t *testing.T) {
	t.Parallel()
	w := &eventWriter{ResponseWriter: writeFails{httptest.NewRecorder()}}
	for range 2 {
		if n, err := w.Write([]byte(message(0, "{}"))); n != 0 || err != errGone { //nolint:errorlint // It is not to be wrapped.
			t.Errorf("wrote %d, %v", n, err)
		}
	}
}
