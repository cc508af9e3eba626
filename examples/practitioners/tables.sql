-- The tables that syncline.yaml reads, in a database of their own.
create table practitioner_large (
  id int primary key,
  name varchar(100),
  sex tinyint,
  locality int,
  birth_year int,
  birth_month tinyint,
  birth_day tinyint
);

create table practitioner_small (
  id int primary key,
  name varchar(100),
  sex tinyint,
  locality int,
  birth_year int,
  birth_month tinyint,
  birth_day tinyint
);
