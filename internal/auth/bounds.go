package auth

import "time"

// The bounds of a token.
const (
	// maxTokenBytes bounds a token as it is sent. Better Auth's are below
	// 1 KiB, unless it was told to put much into them.
	maxTokenBytes = 8 << 10
	// maxKeyIDBytes bounds the key ID that a token or a key may have.
	maxKeyIDBytes = 128
	// maxLoggedKeyID bounds what a log line shows of a key ID, in characters.
	maxLoggedKeyID = 64
	// leeway is how far the issuer's clock may be from ours.
	leeway = 30 * time.Second
	// maxRemembered bounds the verified tokens that are remembered: some 3 MB.
	maxRemembered = 10_000
	// maxNumericDate is the last second of the year 9999. No honest date is
	// later, and arithmetic on dates up to it can't overflow.
	maxNumericDate = 253402300799
)

// The bounds of a key, in bits of its modulus. NIST SP 800-131A and RFC 7518
// section 3.3 ask for the lower one; with the upper one, a signature is still
// checked within a millisecond.
const (
	minKeyBits = 2048
	maxKeyBits = 8192
)

// The bounds of fetching the key set.
const (
	// fetchTimeout bounds one fetch, from dialing to the last byte.
	fetchTimeout = 5 * time.Second
	// dialTimeout leaves time for a second attempt within a caller's patience.
	dialTimeout = 2 * time.Second
	// maxKeySetBytes bounds the document, after decompression.
	maxKeySetBytes = 1 << 20
	// maxKeys bounds the keys in it. Better Auth publishes those that it
	// signed with lately: a handful.
	maxKeys = 100
	// maxKeyBytes bounds one key. A usable one has at most 1.5 KiB, and some
	// of certificates, which nobody here reads.
	maxKeyBytes = 32 << 10
	// maxRedirects bounds the redirects that one fetch follows.
	maxRedirects = 3
	// maxResponseHeaderBytes bounds the headers of the answer.
	maxResponseHeaderBytes = 16 << 10
)

// The bounds of what callers cause and of how long they wait.
const (
	// maxWait bounds the time that a call waits for a fetch.
	maxWait = 5 * time.Second
	// maxWaiting bounds the calls that wait for a fetch at once. Anyone can make
	// up key IDs, and each such call holds a request of up to 40 KB. At a
	// rotation, calls with the new key wait for as long as one fetch takes.
	maxWaiting = 1024
	// unknownKeyFetches in unknownKeyWindow is how often a token with an
	// unknown key ID may cause a fetch. Anyone can make up key IDs.
	unknownKeyFetches = 2
	unknownKeyWindow  = 10 * time.Second
)

// The pauses between fetches that fail. They double from the shortest on.
const (
	minRetryPause = 100 * time.Millisecond
	// maxRetryPause applies while there are no usable keys: every call fails.
	maxRetryPause = time.Second
	// maxRetryPauseWithKeys applies while the keys at hand serve.
	maxRetryPauseWithKeys = 10 * time.Second
)

// What a [KeySetConfig] that leaves a duration at zero gets.
const (
	defaultTTL      = time.Hour
	defaultMaxStale = 24 * time.Hour
)
