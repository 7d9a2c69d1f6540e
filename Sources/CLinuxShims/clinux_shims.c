#include "clinux_shims.h"
