package ebpfprobe

import "github.com/clewhq/clew/ebpfprobe/internal/need"

// Unavailable is the error of a probe, or a tier of it, that cannot work here:
// its members name what was being done, what is missing in the system's own word,
// and how to get it. It is [errors.ErrUnsupported] where the system lacks
// something, and [fs.ErrPermission] where a privilege is missing.
type Unavailable = need.Error
