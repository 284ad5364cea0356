package hprof

import "slices"

// injected are the fields that HotSpot adds to classes of its own and leaves out
// of a dump (javaClasses.hpp, *_INJECTED_FIELDS), as they stand in JDK 17 to 25.
// Some have become ordinary fields since; those are not added again.
var injected = map[string][]Field{
	"java.lang.Class": {
		{"klass", Long},
		{"array_klass", Long},
		{"oop_size", Int},
		{"static_oop_field_count", Int},
		{"protectionDomain", Object},
		{"signers", Object},
		{"source_file", Object},
	},
	"java.lang.ClassLoader":                                {{"loader_data", Long}},
	"java.lang.Module":                                     {{"module_entry", Long}},
	"java.lang.invoke.ResolvedMethodName":                  {{"vmholder", Object}, {"vmtarget", Long}},
	"java.lang.invoke.MemberName":                          {{"vmindex", Long}},
	"java.lang.invoke.MethodHandleNatives$CallSiteContext": {{"vmdependencies", Long}, {"last_cleanup", Long}},
	"java.lang.String":                                     {{"flags", Byte}},
	"java.lang.StackFrameInfo":                             {{"version", Short}},
	"java.lang.InternalError":                              {{"during_unsafe_access", Boolean}},
}

// injectedBefore15 are those of JDK 9 to 14 where they were others.
var injectedBefore15 = map[string][]Field{
	"java.lang.String": nil,
	"java.lang.invoke.MethodHandleNatives$CallSiteContext": {{"vmdependencies", Long}},
}

// injectedBefore9 are those of JDK 7 and 8.
var injectedBefore9 = map[string][]Field{
	"java.lang.Class": {
		{"klass", Long},
		{"array_klass", Long},
		{"oop_size", Int},
		{"static_oop_field_count", Int},
		{"protection_domain", Object},
		{"init_lock", Object},
		{"signers", Object},
	},
	"java.lang.invoke.MemberName": {{"vmloader", Object}, {"vmindex", Long}, {"vmtarget", Long}},
}

// injectedWithHolder are those of java.lang.Thread since it keeps a holder of
// fields, in JDK 19: for virtual threads and JFR.
var injectedWithHolder = []Field{
	{"jvmti_thread_state", Long},
	{"jvmti_VTMS_transition_disable_count", Int},
	{"jvmti_is_in_VTMS_transition", Boolean},
	{"jfr_epoch", Short},
}

// injectedInto returns the fields that HotSpot adds to c.
func (l Layout) injectedInto(c *Class) []Field {
	fields := injected[c.Name]
	if l.Before15 {
		if old, ok := injectedBefore15[c.Name]; ok {
			fields = old
		}
	}
	if l.Before9 {
		if old, ok := injectedBefore9[c.Name]; ok {
			fields = old
		}
	}
	if c.Name == "java.lang.Thread" && c.declares("holder") {
		fields = injectedWithHolder
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return c.declares(f.Name) })
}

// contended are the fields of JDK classes that are marked @Contended, which a dump
// does not show; no field stands for a mark on the class.
var contended = map[string][]string{
	"java.lang.Thread":                                   {"threadLocalRandomSeed", "threadLocalRandomProbe", "threadLocalRandomSecondarySeed"},
	"java.util.concurrent.ForkJoinPool":                  {"ctl", "parallelism"},
	"java.util.concurrent.ForkJoinPool$WorkQueue":        {},
	"java.util.concurrent.ConcurrentHashMap$CounterCell": {},
	"java.util.concurrent.Exchanger$Node":                {},
	"java.util.concurrent.atomic.Striped64$Cell":         {},
}

// padding is what HotSpot puts before and again behind contended fields
// (-XX:ContendedPaddingWidth).
const padding = 128

// wholly tells whether the class itself is marked @Contended.
func wholly(c *Class) bool {
	fields, ok := contended[c.Name]
	return ok && len(fields) == 0
}

// split sorts the fields of c, with those that HotSpot injects, into the plain
// ones and those that it puts apart.
func split(c *Class, injected []Field) (plain, apart []Field) {
	marked := contended[c.Name]
	if c.Name == "java.lang.Thread" && c.declares("holder") {
		marked = nil // JDK 19 has dropped the marks
	}
	for _, f := range c.Fields {
		if slices.Contains(marked, f.Name) {
			apart = append(apart, f)
		} else {
			plain = append(plain, f)
		}
	}
	return append(plain, injected...), apart
}
