package pglocaltest

import (
	"encoding/binary"
	"hash/crc32"
)

// storeXZ returns an xz file of content, which is stored in it as it is: to
// compress tens of megabytes would take a test longer than all the rest.
func storeXZ(content []byte) []byte {
	const (
		magic   = "\xFD7zXZ\x00"
		flags   = "\x00\x01"                         // The check is a CRC32.
		block   = "\x02\x00\x21\x01\x16\x00\x00\x00" // One filter, LZMA2 with 8 MiB, in 12 bytes.
		crcSize = 4
	)
	file := withCRC([]byte(magic), []byte(flags))
	start := len(file)
	file = withCRC(file, []byte(block))
	for i, rest := 0, content; len(rest) > 0; i++ {
		chunk := rest[:min(len(rest), 1<<16)]
		rest = rest[len(chunk):]
		control := byte(2) // Stored.
		if i == 0 {
			control = 1 // And the dictionary is empty.
		}
		file = append(file, control)
		file = binary.BigEndian.AppendUint16(file, uint16(len(chunk)-1)) //nolint:gosec // G115: it fits.
		file = append(file, chunk...)
	}
	file = append(file, 0)
	unpadded := len(file) - start + crcSize
	file = padded(file)
	file = binary.LittleEndian.AppendUint32(file, crc32.ChecksumIEEE(content))

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(unpadded)) //nolint:gosec // G115: a length is not negative.
	index = padded(binary.AppendUvarint(index, uint64(len(content))))
	indexSize := len(index) + crcSize
	file = withCRC(file, index)

	footer := binary.LittleEndian.AppendUint32(nil, uint32(indexSize/4-1)) //nolint:gosec // G115: it fits.
	footer = append(footer, flags...)
	file = binary.LittleEndian.AppendUint32(file, crc32.ChecksumIEEE(footer))
	return append(append(file, footer...), "YZ"...)
}

// withCRC appends a part, and its CRC32.
func withCRC(file, part []byte) []byte {
	return binary.LittleEndian.AppendUint32(append(file, part...), crc32.ChecksumIEEE(part))
}

// padded fills up with zeros to a multiple of four. All before has such a
// length.
func padded(file []byte) []byte {
	for len(file)%4 != 0 {
		file = append(file, 0)
	}
	return file
}
