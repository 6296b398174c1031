package pglocal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	downloadVersion = "17.5.0"
	downloadMajor   = 17
	downloadTimeout = 5 * time.Minute

	// answerTimeout is how long the repository may take to begin its response.
	// Without a network, connections may hang instead of failing.
	answerTimeout = 5 * time.Second

	// maxArchive bounds an archive. Those of PostgreSQL 17 have about 30 MB.
	maxArchive  = 256 << 20
	maxChecksum = 1 << 10

	// mavenCentral is where the programs come from.
	mavenCentral = "https://repo1.maven.org/maven2"
)

// MirrorVariable is the environment variable that names another Maven repository than
// Maven Central to download PostgreSQL from. Callers read it and set [Config.Mirror].
const MirrorVariable = "POSTGRES_MIRROR"

// unfinished is the prefix of a download's temporary folders in the cache.
const unfinished = "unpack-"

// downloader downloads PostgreSQL.
type downloader struct {
	repository *url.URL
	cacheDir   string
	client     *http.Client
	progress   io.Writer
}

// newDownloader returns a downloader from the Maven repository mirror, or Maven Central
// when that is empty, to the folder cacheDir.
func newDownloader(mirror, cacheDir string, progress io.Writer) (*downloader, error) {
	repository := mavenCentral
	if mirror != "" {
		repository = mirror
	}
	u, err := url.Parse(strings.TrimRight(repository, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New(MirrorVariable + " has to be the URL of a Maven repository, such as " + mavenCentral)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}}
	return &downloader{repository: u, cacheDir: cacheDir, client: client, progress: progress}, nil
}

// programs returns the folder of the downloaded programs.
func (d *downloader) programs() string { return downloadedPrograms(d.cacheDir) }

// downloadedPrograms returns the folder of downloaded programs.
func downloadedPrograms(cacheDir string) string {
	return filepath.Join(cacheDir, "postgresql-"+downloadVersion, "bin")
}

// run downloads PostgreSQL into the cache folder, unless another process has done so
// meanwhile.
func (d *downloader) run(ctx context.Context) error {
	defer d.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	// First, since this shows whether there is a network.
	checksum, err := d.checksum(ctx)
	if err != nil {
		return err
	}
	if err := makeOpenFolder(d.cacheDir); err != nil {
		return err
	}
	lock, err := waitForLock(ctx, filepath.Join(d.cacheDir, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(d.programs()); err == nil {
		return nil
	}
	_, _ = fmt.Fprintf(d.progress, "Downloading PostgreSQL %s from %s into %s, once.\n", downloadVersion, d.repository.Redacted(), d.cacheDir)
	return d.install(ctx, checksum)
}

// install downloads and unpacks the programs. It renames their folder when it is
// complete. The caller holds the lock.
func (d *downloader) install(ctx context.Context, checksum string) error {
	leftovers, _ := filepath.Glob(filepath.Join(d.cacheDir, unfinished+"*")) // Fails on bad patterns only.
	for _, dir := range leftovers {
		_ = os.RemoveAll(dir) // If this fails, it only takes space.
	}
	work, err := os.MkdirTemp(d.cacheDir, unfinished)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	archive, err := os.Create(filepath.Join(work, "archive"))
	if err != nil {
		return err
	}
	defer archive.Close()
	sum := sha256.New()
	from := d.url("")
	if err := d.get(ctx, from, io.MultiWriter(archive, sum), maxArchive); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); checksum != "" && got != checksum {
		return fmt.Errorf("%s has the SHA-256 %s, not %s as the repository says", from.Redacted(), got, checksum)
	}
	unpacked := filepath.Join(work, "postgresql")
	if err := os.Mkdir(unpacked, 0o750); err != nil {
		return err
	}
	if err := unpack(ctx, archive, unpacked); err != nil {
		return fmt.Errorf("unpack %s: %w", from.Redacted(), err)
	}
	return os.Rename(unpacked, filepath.Dir(d.programs()))
}

// checksum returns the archive's SHA-256 from the repository, or "" when the repository
// has none, as some mirrors.
func (d *downloader) checksum(ctx context.Context) (string, error) {
	from := d.url(".sha256")
	var text strings.Builder
	err := d.get(ctx, from, &text, maxChecksum)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	sum, _, _ := strings.Cut(strings.TrimSpace(text.String()), " ") // The file's name may follow.
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%s is no SHA-256", from.Redacted())
	}
	return strings.ToLower(sum), nil
}

// url returns the URL of the archive, or of a file beside it.
func (d *downloader) url(suffix string) *url.URL {
	name := thisArchive()
	return d.repository.JoinPath("io/zonky/test/postgres", name, downloadVersion, name+"-"+downloadVersion+".jar"+suffix)
}

// get fetches a file of limited size. It fails with [fs.ErrNotExist] when the
// repository has no such file.
func (d *downloader) get(ctx context.Context, from *url.URL, to io.Writer, limit int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(answerTimeout, func() { cancel(fmt.Errorf("no answer within %v", answerTimeout)) })
	defer silence.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), http.NoBody)
	if err != nil {
		return err
	}
	res, err := d.client.Do(req)
	if err != nil {
		return d.unreachable(ctx, err)
	}
	defer res.Body.Close()
	silence.Stop()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("%s: %w", from.Redacted(), fs.ErrNotExist)
	default:
		return fmt.Errorf("%s answers %s", from.Redacted(), res.Status)
	}
	n, err := io.Copy(to, io.LimitReader(res.Body, limit+1))
	if n > limit {
		return fmt.Errorf("%s is larger than %d bytes", from.Redacted(), limit)
	}
	return err
}

// unreachable says why there was no response, without the long URL at the beginning of
// the client's error.
func (d *downloader) unreachable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	} else if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("%s can't be reached: %w", d.repository.Redacted(), err)
}
