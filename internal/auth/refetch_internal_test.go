package auth

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAFetchThatEndedInBetweenIsNotAskedForAgain is about a moment that calls
// from outside can't be made to hit: a caller misses a key in a set, and the
// next set arrives before the caller asks for it.
func TestAFetchThatEndedInBetweenIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	// The modulus is no product of primes, which nobody checks.
	n := strings.Repeat("_", 341) + "8"
	set := `{"keys":[{"kty":"RSA","kid":"a","e":"AQAB","n":"` + n + `"}]}`
	synctest.Test(t, func(t *testing.T) {
		s := NewKeySet(KeySetConfig{
			URL: "http://issuer.test/jwks",
			TTL: time.Minute,
			Client: &http.Client{Transport: roundTripper(func() *http.Response {
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(set))}
			})},
		})
		t.Cleanup(s.Close)
		synctest.Wait()
		seen := s.current.Load()
		time.Sleep(time.Minute)
		synctest.Wait()

		ended, own := s.refetch(seen)
		if own || s.inFlight != nil || s.budget != (fetchBudget{}) {
			t.Error("a fetch was begun although one had just ended")
		}
		select {
		case <-ended:
		default:
			t.Error("the caller has to wait for a fetch that has ended")
		}
		if _, own := s.refetch(s.current.Load()); !own {
			t.Error("no fetch was begun for a caller who knows the newest set")
		}
	})
}

type roundTripper func() *http.Response

func (r roundTripper) RoundTrip(*http.Request) (*http.Response, error) { return r(), nil }
