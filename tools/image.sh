#!/usr/bin/env bash
# Builds the service's image for amd64 and arm64: `make image`. The binaries, each with its
# bill of materials, go to bin/image/; the images go to the engine's own store.
#
#	tools/image.sh VERSION
#
# ENGINE chooses between docker, podman and buildah; without it, the first that works is
# taken. IMAGE is the image's name, such as registry.example.com/todod. The same commit
# gives the same binaries with the same version of Go, and with the same version of podman
# or buildah the same images. SOURCE_DATE_EPOCH and REVISION replace what git says about
# the commit.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
name=${IMAGE:-todod}
tag=${version//[^A-Za-z0-9_.-]/-} # Tags have no other characters.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
revision=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
# GNU's date, or that of macOS.
created=$(TZ=UTC date -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || TZ=UTC date -r "$epoch" +%Y-%m-%dT%H:%M:%SZ)

# works reports whether an engine can build. Docker's client may have no daemon.
works() {
	command -v "$1" >/dev/null || return 1
	[ "$1" != docker ] || docker version >/dev/null 2>&1
}
engine=${ENGINE:-}
if [ -z "$engine" ]; then
	for candidate in docker podman buildah; do
		if works "$candidate"; then
			engine=$candidate
			break
		fi
	done
fi
case $engine in
docker | podman | buildah) ;;
'')
	echo 'image: install docker, podman or buildah (on Debian: apt-get install --no-install-recommends buildah); docker needs its daemon to run' >&2
	exit 1
	;;
*)
	echo "image: ENGINE must be docker, podman or buildah, not $engine" >&2
	exit 1
	;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build builds the image of one architecture.
build() {
	local architecture=$1 flags id
	local image=$name:$tag-$architecture
	flags=(
		--quiet --platform "linux/$architecture"
		--build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created"
	)
	if [ "$engine" = docker ]; then
		# BuildKit takes the time of the image's configuration from this argument. Its
		# attestations would hold the time of the build.
		BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build "${flags[@]}" --build-arg "SOURCE_DATE_EPOCH=$epoch" --tag "$image" . >/dev/null
		return
	fi
	# Images of OCI's format have no HEALTHCHECK. The identity label would name the
	# engine's version.
	id=$("$engine" build "${flags[@]}" --format docker --timestamp "$epoch" --identity-label=false .)
	"$engine" push --quiet --format v2s2 "$id" "dir:$work/$architecture" >/dev/null
	without_chance "$work/$architecture"
	"$engine" rmi "$id" >/dev/null
	id=$("$engine" pull --quiet "dir:$work/$architecture" 2>"$work/log") || {
		cat "$work/log" >&2 # Otherwise only a warning that the platform isn't this machine's.
		exit 1
	}
	"$engine" tag "$id" "$image"
}

# without_chance removes the ID of the container that an image was built in, and a random
# hostname, from the image in a folder. podman and buildah write both into images of
# Docker's format, and no engine reads them.
without_chance() {
	local folder=$1 old new
	old=$(sed -E 's/.*"config":\{[^}]*"digest":"sha256:([0-9a-f]{64})".*/\1/' "$folder/manifest.json")
	sed -E 's/"container":"[0-9a-f]{64}",//; s/"Hostname":"[0-9a-f]{12}"/"Hostname":""/g' "$folder/$old" >"$folder/config"
	new=$(sha256sum <"$folder/config")
	new=${new%% *}
	sed -i "s/\"size\":$(stat -c %s "$folder/$old"),\"digest\":\"sha256:$old\"/\"size\":$(stat -c %s "$folder/config"),\"digest\":\"sha256:$new\"/" "$folder/manifest.json"
	rm "$folder/$old"
	mv "$folder/config" "$folder/$new"
}

# `go tool` with another GOARCH would build the tool for that one.
go build -modfile=tools/security.mod -o "$work" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

for architecture in amd64 arm64; do
	folder=bin/image/linux-$architecture
	mkdir -p "$folder"
	GOOS=linux GOARCH=$architecture make --silent build OUTPUT="$folder/todod" VERSION="$version"
	touch -d "$created" "$folder/todod" # Docker keeps it.
	# From the binary itself, so that it lists exactly the linked modules.
	GOOS=linux GOARCH=$architecture "$work/cyclonedx-gomod" bin -json -licenses -std -noserial -notimestamp \
		-version "$version" -output "$folder/todod.cdx.json" "$folder/todod" 2>"$work/log" || {
		cat "$work/log" >&2
		exit 1
	}
	build "$architecture"
	echo "$engine has $name:$tag-$architecture; $folder/todod.cdx.json lists what is in it"
done
"$engine" tag "$name:$tag-$(go env GOHOSTARCH)" "$name:$tag"
echo "$engine has $name:$tag, the one for this machine"
