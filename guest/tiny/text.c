/* Memory and text, as far as the kernel needs them. */
#include "tiny.h"

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *at = to;

	asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes)::"memory");
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	void *at = to;

	asm volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
	return to;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

struct output {
	char *to;
	size_t bytes, used;
};

static void output_put(struct output *out, char c)
{
	if (out->used + 1 < out->bytes)
		out->to[out->used++] = c;
}

static void put_number(struct output *out, uint64_t number, unsigned int base, bool negative)
{
	char digits[24];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	if (negative)
		output_put(out, '-');
	while (count)
		output_put(out, digits[--count]);
}

static void put_text(struct output *out, const char *text)
{
	while (*text)
		output_put(out, *text++);
}

static void put_signed(struct output *out, int64_t number)
{
	put_number(out, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, number < 0);
}

size_t format_list(char *to, size_t bytes, const char *format, va_list list)
{
	struct output out = { to, bytes, 0 };

	for (; *format; format++) {
		bool wide = false;

		if (*format != '%') {
			output_put(&out, *format);
			continue;
		}
		while (*++format == 'l')
			wide = true;
		switch (*format) {
		case 's': put_text(&out, va_arg(list, const char *)); break;
		case 'c': output_put(&out, va_arg(list, int)); break;
		case 'd': put_signed(&out, wide ? va_arg(list, int64_t) : va_arg(list, int)); break;
		case 'u':
		case 'x':
			put_number(&out, wide ? va_arg(list, uint64_t) : va_arg(list, unsigned int),
				   *format == 'u' ? 10 : 16, false);
			break;
		default: output_put(&out, *format);
		}
	}
	to[out.used] = 0;
	return out.used;
}

size_t format(char *to, size_t bytes, const char *format, ...)
{
	va_list list;
	size_t used;

	va_start(list, format);
	used = format_list(to, bytes, format, list);
	va_end(list);
	return used;
}
