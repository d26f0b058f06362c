SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.apps (
    id bigint NOT NULL,
    name character varying(128) NOT NULL,
    server_secret character varying(32) NOT NULL,
    previous_secret character varying(32),
    previous_until double precision NOT NULL,
    callback_secret character varying(32) NOT NULL,
    callback_url character varying(2048),
    max_tasks integer NOT NULL,
    enabled boolean NOT NULL
);
CREATE TABLE public.callbacks (
    id bigint NOT NULL,
    app_id bigint NOT NULL,
    task_id character varying(36) NOT NULL,
    event_type integer NOT NULL,
    event_time_ms bigint NOT NULL,
    detail json NOT NULL,
    attempts integer NOT NULL
);
CREATE SEQUENCE public.callbacks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.callbacks_id_seq OWNED BY public.callbacks.id;
CREATE TABLE public.drives (
    id character varying(36) NOT NULL,
    task_id character varying(36) NOT NULL,
    kind character varying(16) NOT NULL,
    sequence integer NOT NULL,
    status integer NOT NULL
);
CREATE TABLE public.nonces (
    app_id bigint NOT NULL,
    nonce character varying(128) NOT NULL,
    "timestamp" bigint NOT NULL
);
CREATE TABLE public.stream_tasks (
    id character varying(36) NOT NULL,
    app_id bigint NOT NULL,
    digital_human_id character varying(128) NOT NULL,
    room_id character varying(512) NOT NULL,
    stream_id character varying(128) NOT NULL,
    status integer NOT NULL,
    created_at double precision NOT NULL,
    ended_at double precision,
    fail_reason character varying(256)
);
ALTER TABLE ONLY public.callbacks ALTER COLUMN id SET DEFAULT nextval('public.callbacks_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0002');
INSERT INTO public.apps VALUES (2415263239, 'Kept of before', '3384e6d847c64c65d8dfda394af1e8d3', 'd5ebf1cc2bfe31f222d091ee9335087f', 1796145787.8279016, '469aa55f74cf6751655464666970a72c', 'http://127.0.0.1:9/cb', 3, true);
INSERT INTO public.callbacks VALUES (2, 12345, 'de679288-f3b2-4895-abd4-2010728af870', 3, 1795540989654, '{"Status": 3, "RoomId": "r0", "StreamId": "over"}', 1);
INSERT INTO public.callbacks VALUES (3, 12345, 'de679288-f3b2-4895-abd4-2010728af870', 3, 1795540989690, '{"Status": 4, "RoomId": "r0", "StreamId": "over"}', 1);
INSERT INTO public.callbacks VALUES (4, 12345, 'de679288-f3b2-4895-abd4-2010728af870', 3, 1795540989690, '{"Status": 5, "RoomId": "r0", "StreamId": "over"}', 1);
INSERT INTO public.callbacks VALUES (5, 12345, 'd7d1d2e0-a278-46fd-9535-35a8702bac2d', 3, 1795540989711, '{"Status": 1, "RoomId": "r", "StreamId": "speaking"}', 1);
INSERT INTO public.callbacks VALUES (6, 2415263239, '96a141ea-85fa-47a0-97f5-68d403a8d04d', 3, 1795540989732, '{"Status": 1, "RoomId": "r", "StreamId": "theirs"}', 1);
INSERT INTO public.callbacks VALUES (1, 12345, 'de679288-f3b2-4895-abd4-2010728af870', 3, 1795540987944, '{"Status": 1, "RoomId": "r0", "StreamId": "over"}', 2);
INSERT INTO public.callbacks VALUES (7, 12345, 'd7d1d2e0-a278-46fd-9535-35a8702bac2d', 3, 1795540990441, '{"Status": 3, "RoomId": "r", "StreamId": "speaking"}', 1);
INSERT INTO public.callbacks VALUES (8, 2415263239, '96a141ea-85fa-47a0-97f5-68d403a8d04d', 3, 1795540990449, '{"Status": 3, "RoomId": "r", "StreamId": "theirs"}', 1);
INSERT INTO public.callbacks VALUES (9, 12345, 'd7d1d2e0-a278-46fd-9535-35a8702bac2d', 4, 1795540990479, '{"DriveId": "c8ef1c07-1243-474d-bfa7-d90f1d2316ab", "Status": 1}', 1);
INSERT INTO public.callbacks VALUES (10, 12345, 'd7d1d2e0-a278-46fd-9535-35a8702bac2d', 4, 1795540990493, '{"DriveId": "c8ef1c07-1243-474d-bfa7-d90f1d2316ab", "Status": 2}', 1);
INSERT INTO public.callbacks VALUES (11, 12345, 'd7d1d2e0-a278-46fd-9535-35a8702bac2d', 4, 1795540990603, '{"DriveId": "c49ffed0-c719-4f9c-9568-1e5981ac0c20", "Status": 1}', 1);
INSERT INTO public.drives VALUES ('c8ef1c07-1243-474d-bfa7-d90f1d2316ab', 'd7d1d2e0-a278-46fd-9535-35a8702bac2d', 'text', 0, 2);
INSERT INTO public.drives VALUES ('c49ffed0-c719-4f9c-9568-1e5981ac0c20', 'd7d1d2e0-a278-46fd-9535-35a8702bac2d', 'text', 1, 1);
INSERT INTO public.nonces VALUES (12345, '02e3e4dc97630672', 1795540987);
INSERT INTO public.nonces VALUES (12345, 'e88b7173e41ac84a', 1795540987);
INSERT INTO public.stream_tasks VALUES ('de679288-f3b2-4895-abd4-2010728af870', 12345, '6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11', 'r0', 'over', 5, 1795540987.9443405, 1795540989.6906803, NULL);
INSERT INTO public.stream_tasks VALUES ('d7d1d2e0-a278-46fd-9535-35a8702bac2d', 12345, '6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11', 'r', 'speaking', 3, 1795540989.7118592, NULL, NULL);
INSERT INTO public.stream_tasks VALUES ('96a141ea-85fa-47a0-97f5-68d403a8d04d', 2415263239, '6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11', 'r', 'theirs', 3, 1795540989.7321198, NULL, NULL);
SELECT pg_catalog.setval('public.callbacks_id_seq', 11, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.apps
    ADD CONSTRAINT apps_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.callbacks
    ADD CONSTRAINT callbacks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.drives
    ADD CONSTRAINT drives_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.nonces
    ADD CONSTRAINT nonces_pkey PRIMARY KEY (app_id, nonce, "timestamp");
ALTER TABLE ONLY public.stream_tasks
    ADD CONSTRAINT stream_tasks_pkey PRIMARY KEY (id);
CREATE INDEX ix_drives_task_id ON public.drives USING btree (task_id);
CREATE INDEX ix_stream_tasks_status ON public.stream_tasks USING btree (status);
