/* A wrong wall clock for one process, by LD_PRELOAD: CLOCK_REALTIME is CLOCK_OFFSET_SECONDS away from the truth. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t which, struct timespec* out) {
  static int (*real)(clockid_t, struct timespec*);
  static long offset;
  if (real == 0) {
    const char* seconds = getenv("CLOCK_OFFSET_SECONDS");
    offset = seconds != 0 ? atol(seconds) : 0;
    real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  }
  const int done = real(which, out);
  if (done == 0 && which == CLOCK_REALTIME) out->tv_sec += offset;
  return done;
}
