/* The load: HTTP requests as fast as a kernel lets a client send them, so that what is measured is the server.
 *
 *   load MODE PORT CA SOURCE CHUNK SECONDS  HEADERS TARGET [HEADERS TARGET]...
 *
 * One connection for each HEADERS (complete lines) and TARGET. CA is a PEM file, or "-" for plain HTTP. All connect, "ready" is printed, a line
 * is awaited on standard input, and all begin at once; then the seconds until the last answer and the number of requests are printed.
 *
 *   put     SOURCE into TARGET, in one request (CHUNK 0), or in chunks with Content-Range; a "#" in TARGET becomes the chunk's number instead.
 *           Again and again until SECONDS have passed (0: once).
 *   get     TARGET as a whole; its bytes are thrown away.
 *   fetch   the same, and each byte is compared with SOURCE.
 *   read, write   CHUNK bytes of TARGET at a time, each once, in an order that looks random. What is read is compared with SOURCE.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE (1 << 20)

typedef struct {
    int number, descriptor;
    SSL *tls;
    const char *headers, *target;
    long requests;
    char *buffer;
    pthread_t thread;
} Connection;

static const char *mode;
static int source, connections;
static off_t size, chunk;
static const char *image; /* SOURCE, mapped */
static double seconds, began;
static pthread_barrier_t start;

static void fail(const char *format, ...) {
    va_list words;
    va_start(words, format);
    vfprintf(stderr, format, words);
    fprintf(stderr, " (%s)\n", strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void say(Connection *to, const char *data, size_t count, int more) {
    while (count) {
        ssize_t sent = to->tls ? SSL_write(to->tls, data, count < PIECE ? count : PIECE)
                               : send(to->descriptor, data, count, more ? MSG_MORE : 0);
        if (sent <= 0) fail("%s: the server takes no more", to->target);
        data += sent, count -= sent;
    }
}

static ssize_t hear(Connection *from) {
    ssize_t count = from->tls ? SSL_read(from->tls, from->buffer, PIECE) : recv(from->descriptor, from->buffer, PIECE, 0);
    if (count <= 0) fail("%s: the answer breaks off", from->target);
    return count;
}

/* SOURCE's bytes [at, at + count): without copies where there is no TLS. */
static void say_source(Connection *to, off_t at, off_t count) {
    if (to->tls) {
        say(to, image + at, count, 0);
        return;
    }
    for (off_t end = at + count; at < end;)
        if (sendfile(to->descriptor, source, &at, end - at) <= 0) fail("%s: the server takes no more", to->target);
}

/* Reads one answer; its body must have `count` bytes (-1: any number), and be those of `expected` if that is not NULL. */
static void answer(Connection *from, off_t count, const char *expected) {
    size_t held = 0;
    char *end = NULL;
    while (!end) {
        ssize_t more = from->tls ? SSL_read(from->tls, from->buffer + held, PIECE - 1 - held)
                                 : recv(from->descriptor, from->buffer + held, PIECE - 1 - held, 0);
        if (more <= 0) fail("%s: no answer", from->target);
        from->buffer[held += more] = 0;
        end = strstr(from->buffer, "\r\n\r\n");
    }
    if (strncmp(from->buffer, "HTTP/1.1 20", 11)) fail("%s is refused: %s", from->target, from->buffer);
    char *length = strcasestr(from->buffer, "\r\nContent-Length:");
    off_t left = length && length < end ? atoll(length + 17) : 0, at = held - (end + 4 - from->buffer);
    if (count >= 0 && left != count) fail("%s: %ld bytes instead of %ld", from->target, (long)left, (long)count);
    if (expected && memcmp(end + 4, expected, at)) fail("%s: wrong bytes", from->target);
    while (at < left) {
        ssize_t more = hear(from);
        if (expected && memcmp(from->buffer, expected + at, more)) fail("%s: wrong bytes at %ld", from->target, (long)at);
        at += more;
    }
    from->requests++;
}

static void request(Connection *to, const char *method, off_t at, off_t count) {
    char head[8192], target[2048], range[128] = "";
    const char *mark = strchr(to->target, '#');
    if (mark)
        snprintf(target, sizeof target, "%.*s%ld%s", (int)(mark - to->target), to->target, (long)(at / chunk), mark + 1);
    else
        snprintf(target, sizeof target, "%s", to->target);
    int put = *method == 'P';
    if (chunk && !mark)
        snprintf(range, sizeof range, put ? "Content-Range: bytes %ld-%ld/%ld\r\n" : "Range: bytes=%ld-%ld\r\n", (long)at, (long)(at + count - 1), (long)size);
    int length = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s", method, target, to->headers, range);
    if (put) length += snprintf(head + length, sizeof head - length, "Content-Length: %ld\r\n", (long)count);
    length += snprintf(head + length, sizeof head - length, "\r\n");
    say(to, head, length, put && count);
    if (put) say_source(to, at, count);
}

static void put(Connection *to) {
    do {
        off_t step = chunk ? chunk : size;
        for (off_t at = 0; at < size; at += step) {
            request(to, "PUT", at, size - at < step ? size - at : step);
            answer(to, -1, NULL);
        }
    } while (now() - began < seconds);
}

static void in_disorder(Connection *to, int write) {
    /* A number with no factor in common with the count of blocks visits each block once. */
    off_t blocks = size / chunk, stride = 7919;
    for (off_t number = to->number; number < blocks; number += connections) {
        off_t at = number * stride % blocks * chunk;
        request(to, write ? "PUT" : "GET", at, chunk);
        answer(to, write ? -1 : chunk, write ? NULL : image + at);
    }
}

static void *work(void *given) {
    Connection *mine = given;
    pthread_barrier_wait(&start);
    if (!strcmp(mode, "put")) put(mine);
    else if (!strcmp(mode, "get") || !strcmp(mode, "fetch")) {
        request(mine, "GET", 0, size);
        answer(mine, size, *mode == 'f' ? image : NULL);
    } else in_disorder(mine, *mode == 'w');
    return NULL;
}

static void join(Connection *one, int port, SSL_CTX *context) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    one->descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(one->descriptor, (struct sockaddr *)&address, sizeof address)) fail("cannot connect");
    setsockopt(one->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (!(one->buffer = malloc(PIECE))) fail("no memory");
    if (!context) return;
    one->tls = SSL_new(context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(one->tls), "127.0.0.1");
    SSL_set_fd(one->tls, one->descriptor);
    if (SSL_connect(one->tls) != 1) fail("no TLS: %s", ERR_reason_error_string(ERR_get_error()));
}

int main(int count, char **words) {
    if (count < 9 || count % 2 == 0) fail("usage: load MODE PORT CA SOURCE CHUNK SECONDS HEADERS TARGET ...");
    signal(SIGPIPE, SIG_IGN);
    mode = words[1], chunk = atoll(words[5]), seconds = atof(words[6]), connections = (count - 7) / 2;
    struct stat about;
    if ((source = open(words[4], O_RDONLY)) < 0 || fstat(source, &about)) fail("%s", words[4]);
    size = about.st_size;
    if ((image = mmap(NULL, size, PROT_READ, MAP_SHARED, source, 0)) == MAP_FAILED) fail("%s", words[4]);
    SSL_CTX *context = NULL;
    if (strcmp(words[3], "-")) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        if (SSL_CTX_load_verify_locations(context, words[3], NULL) != 1) fail("%s", words[3]);
    }
    Connection *all = calloc(connections, sizeof *all);
    pthread_barrier_init(&start, NULL, connections + 1);
    for (int i = 0; i < connections; i++) {
        all[i].number = i, all[i].headers = words[7 + 2 * i], all[i].target = words[8 + 2 * i];
        join(&all[i], atoi(words[2]), context);
        pthread_create(&all[i].thread, NULL, work, &all[i]);
    }
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF) return 1;
    began = now();
    pthread_barrier_wait(&start);
    long requests = 0;
    for (int i = 0; i < connections; i++) {
        pthread_join(all[i].thread, NULL);
        requests += all[i].requests;
    }
    printf("%.6f %ld\n", now() - began, requests);
    return 0;
}
