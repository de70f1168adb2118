#define PVFERRY_VERSION "0.1.0"

/* The release of Xen's libraries that this is built with, as text: "4.17". The Makefile asks pkg-config for it. */
#define TEXT_OF_VALUE(x) #x
#define TEXT_OF(x)	 TEXT_OF_VALUE(x)
#define BUILT_FOR_XEN	 TEXT_OF(XEN_RELEASE)
