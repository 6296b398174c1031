package auth

import "time"

// The bounds of a token.
const (
	// maxTokenBytes bounds an encoded token. Better Auth's are below 1 KiB unless
	// configured to contain more.
	maxTokenBytes = 8 << 10
	// maxKeyIDBytes bounds the key ID that a token or a key may have.
	maxKeyIDBytes = 128
	// maxLoggedKeyID bounds what a log line shows of a key ID, in characters.
	maxLoggedKeyID = 64
	// leeway is how far the issuer's clock may be from ours.
	leeway = 30 * time.Second
	// maxCachedTokens bounds the token cache to about 3 MB.
	maxCachedTokens = 10_000
	// maxNumericDate is the last second of the year 9999. Date arithmetic up to it
	// can't overflow, and no real token needs a later one.
	maxNumericDate = 253402300799
)

// The bounds of a key, in bits of its modulus. NIST SP 800-131A and RFC 7518 section
// 3.3 demand the lower one. A key of the upper one verifies a signature within a
// millisecond.
const (
	minKeyBits = 2048
	maxKeyBits = 8192
)

// The bounds of fetching the key set.
const (
	// fetchTimeout bounds one fetch, from dialing to the last byte.
	fetchTimeout = 5 * time.Second
	// dialTimeout leaves time for a second attempt within maxWait.
	dialTimeout = 2 * time.Second
	// maxKeySetBytes bounds the document, after decompression.
	maxKeySetBytes = 1 << 20
	// maxKeys bounds the keys in it. Better Auth publishes only recent ones: a
	// handful.
	maxKeys = 100
	// maxKeyBytes bounds one key. A usable one has at most 1.5 KiB, and perhaps
	// certificates, which are ignored.
	maxKeyBytes = 32 << 10
	// maxRedirects bounds the redirects that one fetch follows.
	maxRedirects = 3
	// maxResponseHeaderBytes bounds the headers of the response.
	maxResponseHeaderBytes = 16 << 10
)

// The bounds of what callers cause and of how long they wait.
const (
	// maxWait bounds the time that a call waits for a fetch.
	maxWait = 5 * time.Second
	// maxWaiting bounds the calls that wait for a fetch at once. Anyone can invent
	// key IDs, and each such call holds a request of up to 40 KB. At a rotation,
	// calls with the new key wait for one fetch.
	maxWaiting = 1024
	// unknownKeyFetches in unknownKeyWindow is how often unknown key IDs may cause a
	// fetch, since anyone can invent them.
	unknownKeyFetches = 2
	unknownKeyWindow  = 10 * time.Second
)

// The pauses after failed fetches. Each is double the one before.
const (
	minRetryPause = 100 * time.Millisecond
	// maxRetryPause applies while there are no usable keys, so every call fails.
	maxRetryPause = time.Second
	// maxRetryPauseWithKeys applies while there are usable keys.
	maxRetryPauseWithKeys = 10 * time.Second
)

// The defaults of a [KeySetConfig].
const (
	defaultTTL      = time.Hour
	defaultMaxStale = 24 * time.Hour
)
